"""The stores for consent in a transaction: events, objections, policies, and evidence chains."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.consent.consent_event import ConsentPolicy, Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One sealed consent event of a call."""

    id: str
    account_id: str
    call_ref: str
    #: When the vault received the report; events are ordered by it.
    heard_at: datetime
    sealed_event: bytes
    key_version: int


class Consents(Protocol):
    """Consent events of calls, as append-only rows.

    They are kept when a recording is erased: a refusal also applies to recordings of the call that arrive later.
    """

    def add(self, row: ConsentRow) -> None:
        """Add an event."""

    def restore(self, row: ConsentRow) -> None:
        """Add an event from another database, sealed under any version of the account key.

        It replaces the same event under another version.
        """

    def of_call(self, account_id: str, call_ref: str) -> Sequence[ConsentRow]:
        """Return the events of a call, in the order of the reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionRow:
    """An objection with its sealed number."""

    id: str
    account_id: str
    #: Keyed hash of the number, for search.
    term: bytes
    sealed_number: bytes
    key_version: int
    objection: Objection


class Objections(Protocol):
    """Objections by keyed hash of the number. A caller that changes one holds the account's exclusive lock."""

    def of_terms(self, account_id: str, terms: Sequence[bytes]) -> Sequence[ObjectionRow]:
        """Return all objections of these numbers, oldest first, including ended ones."""

    def add(self, row: ObjectionRow) -> None:
        """Add an objection."""

    def restore(self, row: ObjectionRow) -> None:
        """Add an objection from another database, sealed under any version of the account key."""

    def end(self, objection_id: str, *, at: datetime, by: str) -> None:
        """End an objection."""

    def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[ObjectionRow]:
        """Return active objections by id, starting after ``after``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A call whose recording the provider must pause."""

    account_id: str
    connection_id: str
    call_ref: str
    #: Number of requests to the provider.
    attempts: int


class Pauses(Protocol):
    """The queue of calls whose recordings must be paused at the provider."""

    def want(self, pause: Pause) -> None:
        """Add a call; an existing one stays."""

    def claim(self, *, pause: timedelta) -> Pause | None:
        """Lease a due call for ``pause``. Its counter is incremented before the work."""

    def done(self, pause: Pause) -> None:
        """Remove the call from the queue."""


class ConsentPolicies(Protocol):
    """The versions of an account's consent policy."""

    def current(self, account_id: str) -> ConsentPolicy:
        """Return the newest version; the defaults, as version 0, where none was set."""

    def history(self, account_id: str) -> Sequence[ConsentPolicy]:
        """Return every version, oldest first."""

    def add(self, account_id: str, policy: ConsentPolicy) -> None:
        """Add the next version. Raises Busy if another request added it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One entry of a recording's evidence chain, sealed under the recording key."""

    account_id: str
    recording_id: str
    #: From 1; entry 0 is the evidence in the encryption context, which is stored in the details.
    position: int
    #: SHA-256 of the canonical bytes, in hexadecimal.
    digest: str
    sealed_entry: bytes


class EvidenceChains(Protocol):
    """Evidence entries added after a recording was sealed. They are deleted when the recording is shredded."""

    def of_recording(self, recording_id: str) -> Sequence[EvidenceRow]:
        """Return the entries in order."""

    def add(self, row: EvidenceRow) -> None:
        """Add an entry at the next position. Raises Busy if that is taken."""
