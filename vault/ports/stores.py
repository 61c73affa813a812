"""What a transaction offers, noun by noun. ``account_id`` in a signature means: of that account only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from vault.domain.accounts.account import Account, ApiKey, Connection, SourcePolicy, Switch, SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import Kind, Voice
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.ports.access_log import LoggedEvent
from vault.ports.rotation import WrappedSecret

#: Names of leases on requests that are being answered begin so.
ANSWER_LEASES: Final = "answer/"


class Accounts(Protocol):
    """Accounts, switches and wrapped account keys."""

    def find(self, ref_or_id: str) -> Account | None:
        """Return the account by its name in URLs or by its id."""

    def page(self, *, after: str | None, limit: int) -> Sequence[Account]:
        """Return accounts by their names in URLs, those behind ``after``."""

    def insert(self, account: Account, *, wrapped_key: bytes, wrapped_index_key: bytes) -> None:
        """Open an account with key version 1 and the switch on. Raises Refused if the name is taken."""

    def rename(self, account_id: str, *, name: str, locale: str) -> None:
        """Change what may be changed."""

    def switch(self, account_id: str) -> Switch:
        """Return the switch as it stands in this transaction."""

    def set_switch(
        self, account_id: str, *, enabled: bool, at: datetime, by: str, reason: str | None
    ) -> Switch:
        """Change the switch and its history; the caller holds the exclusive lock. No change, no entry."""

    def switch_history(self, account_id: str) -> Sequence[SwitchChange]:
        """Return every change, oldest first."""

    def current_key_version(self, account_id: str) -> int:
        """Return the version of the account key that seals what comes now. Raises NotFound."""

    def wrapped_key(self, account_id: str, version: int) -> bytes:
        """Return a wrapped account key. Raises NotFound."""

    def wrapped_index_key(self, account_id: str) -> WrappedSecret:
        """Return the account's index key, wrapped by a version of its account key. Raises NotFound."""


class Connections(Protocol):
    """Connections to telephony platforms."""

    def put(self, connection: Connection) -> Connection:
        """Insert, or replace by account and name; an existing one keeps its id."""

    def find(self, account_id: str, name: str) -> Connection | None:
        """Return an account's connection by name."""

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection by the id in its webhook URL."""

    def of_account(self, account_id: str) -> Sequence[Connection]:
        """Return an account's connections, by name."""

    def delete(self, connection: Connection) -> None:
        """Delete a connection, with its credentials."""

    def claim_reconciliation(self, *, pause: timedelta) -> tuple[Connection, datetime] | None:
        """Take a connection whose list is due, and up to when it was compared; nobody else has it for ``pause``."""

    def reconciled(self, connection_id: str, until: datetime, *, was: datetime | None = None) -> None:
        """Note up to when the provider's list was compared; with ``was``, only if that is noted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFactRow:
    """One thing that was said of a call. Times are in clear, parties are sealed."""

    id: str
    account_id: str
    call_ref: str
    #: Identifies the delivery, so that a repeated one adds nothing.
    delivery: str
    at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    sealed_facts: bytes
    key_version: int


class CallFactRows(Protocol):
    """What was said of calls, as rows that are only added."""

    def add(self, row: CallFactRow) -> bool:
        """Add a row; False if that delivery was there already."""

    def of_call(self, account_id: str, call_ref: str) -> Sequence[CallFactRow]:
        """Return the rows of a call, oldest first."""

    def forget_call(self, account_id: str, call_ref: str) -> None:
        """Delete the rows of a call, and its terms."""

    def index(self, account_id: str, call_ref: str, terms: Sequence[bytes]) -> None:
        """Add blind-index terms of a call."""

    def find(self, account_id: str, terms: Sequence[bytes], after: str | None, limit: int) -> Sequence[str]:
        """Return the names of calls that have one of these terms, in their order, those after ``after``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """What a list of recordings is narrowed to. None means any."""

    state: State | None = None
    call_ref: str | None = None
    #: Blind-index terms: of each group one must be there, of the recording or of its call.
    terms: tuple[tuple[bytes, ...], ...] = ()
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecording:
    """A recording as it is first heard of."""

    id: str
    account_id: str
    connection_id: str | None
    recording_ref: str
    call_ref: str
    received_at: datetime
    call_started_at: datetime | None
    call_ended_at: datetime | None
    #: URL and call facts, sealed under the account key; None for an upload.
    sealed_announcement: bytes | None
    key_version: int
    kind: Kind = "call"
    #: Who is heard on each channel.
    voices: tuple[Voice, ...] = ()
    #: What the provider's REST interface calls the recording.
    source_ref: str | None = None
    source_policy: SourcePolicy = "keep"
    #: Why it is refused as it is announced; empty where nothing speaks against it.
    grounds: tuple[Reason, ...] = ()


class Recordings(Protocol):
    """Recordings as rows: inserted, found and listed."""

    def insert_upload(
        self, new: NewRecording, *, state: State, reasons: Sequence[Reason], epoch: int
    ) -> None:
        """Insert an upload's row. Raises Busy if another client inserted one of this reference first."""

    def restart_upload(self, recording_id: str, new: NewRecording, *, epoch: int) -> Recording:
        """Make a failed upload as if it had come now, under its id. Raises Busy if another client did so first."""

    def get(self, account_id: str, recording_id: str) -> Recording | None:
        """Return a recording of this account."""

    def by_id(self, recording_id: str) -> Recording | None:
        """Return a recording of any account, for operators."""

    def existing(self, recording_ids: Sequence[str]) -> set[str]:
        """Return those of these ids, some hundred at most, that recordings of any account have."""

    def by_ref(self, account_id: str, connection_id: str | None, recording_ref: str) -> Recording | None:
        """Return a recording by the name that its source gave it."""

    def keys(self, recording_id: str) -> RecordingKeys | None:
        """Return what opens the recording; None before it was sealed and after it was shredded."""

    def announcement(self, recording_id: str) -> tuple[bytes, int] | None:
        """Return the sealed announcement and the key version that sealed it."""

    def page(
        self, account_id: str, wanted: RecordingFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Recording]:
        """Return recordings, newest first, those that come before the cursor (received_at, id)."""

    def of_call(self, account_id: str, call_ref: str) -> Sequence[Recording]:
        """Return the recordings of a call, oldest first."""

    def restrict(self, recording_id: str, *, restricted: bool) -> None:
        """Keep a recording from being heard, or let it be heard again."""

    def index(self, account_id: str, recording_id: str, terms: Sequence[bytes]) -> None:
        """Add blind-index terms of a recording."""

    def forget_terms(self, recording_id: str) -> None:
        """Delete the blind-index terms of a recording."""


class Events(Protocol):
    """Access events: appended to the outbox, and read once they are in the tree."""

    def append(self, event: AccessEvent) -> None:
        """Add an event; it stands or falls with this transaction. One that closes something is journaled."""

    def append_leaf(self, leaf: bytes) -> None:
        """Add an event again by its exact bytes, without what was sealed beside it."""

    def page(
        self, account_id: str, *, recording_id: str | None, start: int, limit: int
    ) -> Sequence[LoggedEvent]:
        """Return events that are in the tree, in its order, from the index ``start`` on."""

    def at(self, account_id: str, index: int) -> LoggedEvent | None:
        """Return an account's event by its index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The answer that a request with an Idempotency-Key got the first time."""

    fingerprint: bytes
    status: int
    body: bytes


class ApiKeys(Protocol):
    """API keys, and the answers kept for repeated requests."""

    def insert(self, key: ApiKey, secret_hash: bytes) -> None:
        """Add a key."""

    def find(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key, revoked ones too, and the hash of its secret."""

    def page(self, account_id: str | None) -> Sequence[ApiKey]:
        """Return the keys of an account, or all of them."""

    def revoke(self, key_id: str, at: datetime) -> None:
        """Make the key worthless from the next request on."""

    def answer(self, key_id: str, idempotency_key: bytes) -> KeptAnswer | None:
        """Return the answer kept for this key."""

    def keep_answer(self, key_id: str, idempotency_key: bytes, answer: KeptAnswer, at: datetime) -> None:
        """Keep an answer. Raises Busy if another request kept one first."""

    def forget_answers(self, before: datetime) -> bool:
        """Delete some answers kept before then; False once there are none."""


class Metadata(Protocol):
    """Facts about this vault: its id, and the proof of its root key."""

    def get(self, name: str) -> bytes | None:
        """Return a fact."""

    def put(self, values: Mapping[str, bytes]) -> None:
        """Set facts that were never set. Raises Refused where one was."""

    def replace(self, values: Mapping[str, bytes], *, drop: Sequence[str] = ()) -> None:
        """Set facts, whether they were set or not, and forget others."""
