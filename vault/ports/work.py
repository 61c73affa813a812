"""Recordings as work: the queue that their states are, and the providers' copies to be deleted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from vault.domain.accounts.account import SourcePolicy
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Lease, Recording, State


class Queue(Protocol):
    """Recordings as work. Every change of state is a compare-and-set along an arrow of the domain."""

    def claim(self, states: Sequence[State], *, lease: timedelta) -> Lease | None:
        """Take the row that waited longest in one of ``states`` and whose time has come, fair by account.

        A row whose lease has run out counts as waiting. Received, waiting and transferring rows
        become transferring, and the attempt counter moves before the work does.
        """

    def is_waiting(self, states: Sequence[State]) -> bool:
        """Return whether a claim would find a row now."""

    def claim_upload(self, recording_id: str, *, lease: timedelta) -> Lease | None:
        """Take an upload's row for the client that sends it now; None while another client does."""

    def any_idle_upload(self) -> bool:
        """Return whether ``claim_idle_upload`` would find a row now."""

    def claim_idle_upload(self, *, lease: timedelta) -> tuple[Lease, State] | None:
        """Take an upload that no client sends and whose time has come; say in which state it waited."""

    def renew(self, recording_id: str, token: str, *, lease: timedelta) -> None:
        """Hold on to a row. Raises LeaseLost."""

    def move(self, held: Lease, to: State, **values: Any) -> Recording:
        """Move a held row along an arrow, set ``values``, and give the lease back.

        Raises LeaseLost if state or token are no longer what they were.
        """

    def put_back(self, held: Lease, *, not_before: datetime, counts: bool = True) -> None:
        """Give a held row back in its state, to be claimed after ``not_before``. Raises LeaseLost.

        Unless it ``counts``, the attempt was none.
        """

    def begin_erasing(self, account_id: str, recording_id: str) -> Recording:
        """Shred: drop the row's keys and sealed blobs and move it to erasing, from any state.

        Raises NotFound, RecordingErased.
        """

    def settle(self, recording: Recording, to: State, **values: Any) -> Recording:
        """Move a row that nobody holds out of quarantine, and set ``values`` as ``move`` does.

        Raises LeaseLost if it is no longer in the state in which it was seen.
        """

    def refuse_in_flight(
        self, account_id: str, reason: Reason, *, call_ref: str | None = None
    ) -> Sequence[str]:
        """Refuse every row in flight, or those of one call, and drop their keys; return the ids."""

    def quarantines_over(self) -> Sequence[Recording]:
        """Return what has been in quarantine for as long as its account allows."""

    def manifests_due(self, limit: int) -> Sequence[Recording]:
        """Return available recordings whose manifest was not written yet."""

    def manifest_written(self, recording_id: str, key_version: int | None) -> None:
        """Note that the manifest is in the object store, with a key that this version wrapped."""

    def rewrite_manifest(self, recording_id: str) -> None:
        """Note that what an available recording's manifest says has changed."""

    def wants_object(self, recording_id: str, location: str) -> bool:
        """Return whether the row names this object, or a worker may be writing it right now."""

    def counts(self) -> Mapping[State, tuple[int, float]]:
        """Return for each state of work how many rows are in it, and the age of the oldest in seconds."""


class Sources(Protocol):
    """The providers' copies of recordings, as work."""

    def claim(self, *, lease: timedelta) -> Recording | None:
        """Take a recording whose provider's copy is to be deleted now; nobody else has it for ``lease``."""

    def name(self, recording_id: str, source_ref: str, policy: SourcePolicy) -> None:
        """Note what the provider calls its copy, where the announcement did not say; a known name stays."""

    def deleted(self, recording_id: str, at: datetime) -> None:
        """Note that the provider's copy is gone for good."""

    def try_again(self, recording_id: str, at: datetime) -> None:
        """Delete the provider's copy again at a later time."""

    def give_up(self, recording_id: str) -> None:
        """Leave the provider's copy alone: it cannot be deleted."""


class Turns(Protocol):
    """Turns: a name that one node at a time may hold, under a lease on the database's time."""

    def is_free(self, name: str) -> bool:
        """Return whether a claim would succeed now."""

    def claim(self, name: str, *, lease: timedelta) -> str | None:
        """Take the turn for ``lease`` and return its token; None while it is not free."""

    def renew(self, name: str, token: str, *, lease: timedelta) -> None:
        """Hold on to the turn. Raises LeaseLost."""

    def pass_on(self, name: str, token: str, *, next_at: datetime) -> None:
        """Give the turn back; nobody has it again before ``next_at``. Raises LeaseLost."""

    def forget_leases(self, prefix: str, before: datetime) -> None:
        """Delete turns whose name begins with ``prefix`` and whose lease ended before then."""

    def forget(self, name: str, token: str) -> None:
        """Give the turn back and leave nothing of it; one that another has now stays."""
