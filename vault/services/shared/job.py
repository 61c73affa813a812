"""What a worker polls. A service with such work says so in ``jobs``: what to run, when, and what that needs.

A worker runs the jobs of every field of ``Jobs`` (``services/jobs.py``), so that a new job is its service, one field
there and, if rows wait for it, its kind of work with the query of when that is due
(``database/stores/node/due_work.py``).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol

from vault.database.signals import Work
from vault.database.stores.node.due_work import SilentWork
from vault.fair_places import FairPlaces

#: Between two runs of what nobody waits for.
HOURLY: Final = timedelta(hours=1)
#: Between two polls for what comes with time, such as an end.
EACH_MINUTE: Final = timedelta(minutes=1)

#: Does one step of the work; returns whether to poll again immediately.
Step = Callable[[], Awaitable[bool]]


class Size(StrEnum):
    """Which setting says how many steps of a job run concurrently."""

    WORKERS = "workers"
    DESCRIBERS = "describers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJob:
    """Rows that any node claims by a lease in the row; one step does the work of one row."""

    work: Work
    step: Step
    #: Whether each step needs the object store: then none begins while it is down.
    needs_objects: bool
    #: Ends what a step began and does not wait for, when the node stops.
    stop: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FairJob(ClaimJob):
    """The same where a row may take long: accounts that have no place get one."""

    places: FairPlaces
    size: Size
    #: Seconds after which a step may have to give way to those of other accounts; None: never.
    turn: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueJob:
    """Work of one node at a time, as soon as rows are marked for it."""

    work: Work
    #: Whether there is work; much cheaper than a step.
    any_due: Step
    step: Step
    needs_objects: bool
    #: At least this long between two steps of a node.
    pause: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalJob:
    """Work of one node at a time, again and again."""

    #: The label ``work`` of metrics, and the name of the lease.
    name: str
    run: Callable[[], Awaitable[object]]
    #: From the end of one run to the next, over all nodes.
    every: timedelta
    needs_objects: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedJob:
    """Work that every node may do at any time: the step itself sees to it that nodes do not disturb each other."""

    work: Work | SilentWork
    step: Step
    #: At least this long between two steps of a node.
    pause: timedelta = timedelta()
    #: From the time that the database says until the work is due.
    due_after: timedelta = timedelta()
    #: Whether a failure is a reason to check that the object store has no other history.
    doubts_history: bool = False


Job = ClaimJob | DueJob | IntervalJob | SharedJob


class HasJobs(Protocol):
    """A service with work for the worker."""

    def jobs(self) -> Sequence[Job]:
        """Return what a worker polls."""
