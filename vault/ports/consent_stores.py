"""What a transaction offers about consent: what was told, objections, policy, and chains of evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from vault.domain.consent.consent_event import ConsentPolicy, Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One consent event of a call, sealed."""

    id: str
    account_id: str
    call_ref: str
    #: When the vault heard of it: the order in which events count.
    heard_at: datetime
    sealed_event: bytes
    key_version: int


class Consents(Protocol):
    """What parties of calls were told and answered, as rows that are only added.

    They outlive an erased recording: a no must also keep out what the platform sends of the call later.
    """

    def add(self, row: ConsentRow) -> None:
        """Add an event."""

    def restore(self, row: ConsentRow) -> None:
        """Add an event that another database had, whatever version of the account's key sealed it.

        It takes the place of the same event under another version.
        """

    def of_call(self, account_id: str, call_ref: str) -> Sequence[ConsentRow]:
        """Return the events of a call, in the order in which the vault heard of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionRow:
    """An objection with the number it is about, sealed."""

    id: str
    account_id: str
    #: The keyed hash under which it is found.
    term: bytes
    sealed_number: bytes
    key_version: int
    objection: Objection


class Objections(Protocol):
    """Numbers that must not be recorded, found by keyed hashes. The caller of a change holds the exclusive lock."""

    def of_terms(self, account_id: str, terms: Sequence[bytes]) -> Sequence[ObjectionRow]:
        """Return the objections of these numbers, oldest first, those that ended too."""

    def add(self, row: ObjectionRow) -> None:
        """Add an objection."""

    def restore(self, row: ObjectionRow) -> None:
        """Add an objection that another database had, whatever version of the account's key sealed it."""

    def end(self, objection_id: str, *, at: datetime, by: str) -> None:
        """Note that an objection was taken back."""

    def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[ObjectionRow]:
        """Return the objections that stand, by id, those after ``after``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A call whose recording the provider is to pause."""

    account_id: str
    connection_id: str
    call_ref: str
    #: How often it was asked.
    attempts: int


class Pauses(Protocol):
    """Calls whose recordings are to be paused at the provider, as work."""

    def want(self, pause: Pause) -> None:
        """Add a call; one that is there stays."""

    def claim(self, *, pause: timedelta) -> Pause | None:
        """Take a call that is due; nobody else has it for ``pause``. The counter moves before the work."""

    def done(self, pause: Pause) -> None:
        """Ask no more."""


class ConsentPolicies(Protocol):
    """An account's consent policy in all its versions."""

    def current(self, account_id: str) -> ConsentPolicy:
        """Return the newest version; the defaults, as version 0, where none was ever set."""

    def history(self, account_id: str) -> Sequence[ConsentPolicy]:
        """Return every version that was set, oldest first."""

    def add(self, account_id: str, policy: ConsentPolicy) -> None:
        """Add the next version. Raises Busy if another request added it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One entry of a recording's chain of evidence, sealed under the recording key."""

    account_id: str
    recording_id: str
    #: From 1; entry 0 is the evidence in the encryption context, which lies with the details.
    position: int
    #: SHA-256 of the canonical bytes, in hexadecimal.
    digest: str
    sealed_entry: bytes


class EvidenceChains(Protocol):
    """What came to the evidence after a recording was sealed. It goes when the recording is shredded."""

    def of_recording(self, recording_id: str) -> Sequence[EvidenceRow]:
        """Return the entries, first to last."""

    def add(self, row: EvidenceRow) -> None:
        """Add an entry; its position is the next one. Raises Busy if that is taken."""
