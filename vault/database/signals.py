"""Signals of committed work: a transaction names the kinds of work that it leaves, and workers wake after its commit.

``wake`` notes a signal on the transaction's connection; the engine takes the notes after the commit and hands them to
``Signals``, which delivers them to the worker of this process. On PostgreSQL, ``engines/postgresql_signals.py`` also
notifies other processes. A signal saves a wait and nothing depends on it: a slow poll finds work whose signal was lost.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from sqlalchemy import Connection

_NOTED: Final = "callvault.signals"
_CLOCK_MARGIN: Final = timedelta(milliseconds=50)


class Work(StrEnum):
    """The kinds of work that a transaction can leave; the values are the label ``work`` of metrics."""

    INGEST = "ingest"
    DESCRIBE = "describe"
    MANIFESTS = "manifests"
    ACCOUNT_OBJECTS = "account_objects"
    TOMBSTONES = "tombstones"
    CLOSING_ACTS = "closing_acts"
    REWRITE_STORE = "rewrite_store"
    REWRAP = "rewrap"
    REMOVE_ERASED = "remove_erased"
    DELETE_AT_SOURCE = "delete_at_source"
    RECONCILE = "reconcile"
    PAUSE_RECORDINGS = "pause_recordings"
    RECORDING_PAUSES = "recording_pauses"
    CARD_DATA = "card_data"
    REQUESTS = "requests"
    SEND_CALLBACKS = "send_callbacks"
    OUTBOX = "outbox"
    SEQUENCE = "sequence"
    SIGN = "sign"
    PUBLISH = "publish"


class Signal(NamedTuple):
    """Some work of one kind."""

    work: Work
    #: How many pollers could work concurrently, such as the number of rows.
    number: int = 1
    #: Seconds until it is due. A later signal reaches only the process that committed.
    after: float = 0.0


class Receiver(Protocol):
    """The worker of this process. All methods are called in its event loop."""

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Wake the tasks of these signals; return those that other processes should receive too."""

    def connected(self, *, remote: bool) -> None:
        """Poll for everything now; without ``remote``, no signals of other processes arrive from now on."""


def wake(connection: Connection, work: Work, number: int = 1, *, after: timedelta | None = None) -> None:
    """Note that the open transaction leaves work, to be signalled after its commit."""
    if number > 0:
        noted: list[Signal] = connection.info.setdefault(_NOTED, [])
        noted.append(Signal(work, number, 0.0 if after is None else max(0.0, after.total_seconds())))


def wake_at(connection: Connection, work: Work, moment: datetime) -> None:
    """Note that the open transaction leaves work that is due at a moment of the database's clock."""
    after = moment - datetime.now(UTC)
    # The margin is for a database whose clock is a little behind; if it is more, the slow poll finds the work.
    wake(connection, work, after=after + _CLOCK_MARGIN if after > _CLOCK_MARGIN else None)


def take_signals(connection: Connection) -> Sequence[Signal]:
    """Return and forget what transactions on this connection noted: after a commit to emit, otherwise to drop it."""
    noted: list[Signal] = connection.info.pop(_NOTED, [])
    return noted


class Signals:
    """Delivers signals to receivers in this process; its methods may be called by any thread, unless they say so."""

    def __init__(self) -> None:
        """Start without receivers: then signals are dropped."""
        self._receivers: dict[Receiver, asyncio.AbstractEventLoop] = {}

    def emit(self, signals: Sequence[Signal]) -> None:
        """Deliver the signals of a committed transaction; returns immediately."""
        if not signals:
            return
        for receiver, loop in list(self._receivers.items()):
            # A closed event loop has no worker left.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(receiver.receive, signals)

    async def flush(self) -> None:
        """Wait briefly until other processes are notified; call it before the database is closed."""

    @asynccontextmanager
    async def delivered_to(self, receiver: Receiver) -> AsyncIterator[None]:
        """Deliver signals to ``receiver`` in the running event loop."""
        self._receivers[receiver] = asyncio.get_running_loop()
        try:
            yield
        finally:
            del self._receivers[receiver]
