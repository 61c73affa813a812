"""The work queue of recordings, the providers' copies to delete, and singleton jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.accounts.account import SourcePolicy
from vault.domain.recordings.recording import Lease, Recording, State


class Queue(Protocol):
    """The queue of recordings: their claims and leases."""

    def claim(self, states: Sequence[State], *, lease: timedelta) -> Lease | None:
        """Lease the due row that has waited longest in one of ``states``, with fairness between accounts.

        A row with an expired lease counts as waiting. Rows in received, retry_wait and transferring become
        transferring; their attempt counter is incremented before the work starts.
        """

    def is_waiting(self, states: Sequence[State]) -> bool:
        """Return whether a claim would succeed now."""

    def claim_upload(self, recording_id: str, *, lease: timedelta) -> Lease | None:
        """Lease an upload's row for the client that sends it; None while another client does."""

    def any_idle_upload(self) -> bool:
        """Return whether ``claim_idle_upload`` would succeed now."""

    def claim_idle_upload(self, *, lease: timedelta) -> tuple[Lease, State] | None:
        """Lease a due upload that no client is sending; return it with its state before."""

    def renew(self, recording_id: str, token: str, *, lease: timedelta) -> None:
        """Renew the lease on a row. Raises LeaseLost."""

    def put_back(self, held: Lease, *, not_before: datetime, counts: bool = True) -> None:
        """Release a leased row in its state, to be claimed after ``not_before``. Raises LeaseLost.

        If not ``counts``, the attempt is not counted.
        """

    def quarantines_over(self) -> Sequence[Recording]:
        """Return recordings whose quarantine period has ended."""

    def manifests_due(self, limit: int) -> Sequence[Recording]:
        """Return available recordings whose manifest is to be written."""

    def manifest_written(self, recording_id: str, key_version: int | None) -> None:
        """Mark the manifest as stored, with the key version that wraps its recording key."""

    def rewrite_manifest(self, recording_id: str) -> None:
        """Mark an available recording's manifest as due, because its content has changed."""

    def wants_object(self, recording_id: str, location: str) -> bool:
        """Return whether the row references this object, or a worker may be writing it now."""

    def counts(self) -> Mapping[State, tuple[int, float]]:
        """Return for each work state the number of rows, and the age of the oldest in seconds."""


class Sources(Protocol):
    """The queue of the providers' copies to delete."""

    def claim(self, *, lease: timedelta) -> Recording | None:
        """Lease a recording whose provider's copy is to be deleted now."""

    def name(self, recording_id: str, source_ref: str, policy: SourcePolicy) -> None:
        """Store the provider's id of its copy, where the announcement had none; an existing id stays."""

    def deleted(self, recording_id: str, at: datetime) -> None:
        """Mark the provider's copy as permanently deleted."""

    def try_again(self, recording_id: str, at: datetime) -> None:
        """Schedule another deletion of the provider's copy."""

    def give_up(self, recording_id: str) -> None:
        """Stop trying to delete the provider's copy: it cannot be deleted."""


class Turns(Protocol):
    """Leases by name, each held by at most one node, with expiry by the database's clock."""

    def is_free(self, name: str) -> bool:
        """Return whether a claim would succeed now."""

    def claim(self, name: str, *, lease: timedelta) -> str | None:
        """Acquire the lease and return its token; None while it is held or not due."""

    def renew(self, name: str, token: str, *, lease: timedelta) -> None:
        """Renew the lease. Raises LeaseLost."""

    def pass_on(self, name: str, token: str, *, next_at: datetime) -> None:
        """Release the lease; it cannot be acquired before ``next_at``. Raises LeaseLost."""

    def forget_leases(self, prefix: str, before: datetime) -> None:
        """Delete leases with this name prefix that expired before then."""

    def forget(self, name: str, token: str) -> None:
        """Release and delete the lease; one that another node holds now stays."""
