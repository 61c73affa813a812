"""The stores of a transaction, by entity. ``account_id`` in a signature means: only of that account."""

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

#: Prefix of the names of leases on idempotent requests in progress.
ANSWER_LEASES: Final = "answer/"


class Accounts(Protocol):
    """Accounts, switches and wrapped account keys."""

    def find(self, ref_or_id: str) -> Account | None:
        """Return the account by its reference or its id."""

    def page(self, *, after: str | None, limit: int) -> Sequence[Account]:
        """Return accounts by reference, starting after ``after``."""

    def insert(self, account: Account, *, wrapped_key: bytes, wrapped_index_key: bytes) -> None:
        """Insert an account with key version 1 and the switch on. Raises Refused if the reference is taken."""

    def rename(self, account_id: str, *, name: str, locale: str) -> None:
        """Set the name and the locale."""

    def switch(self, account_id: str) -> Switch:
        """Return the switch's state in this transaction."""

    def set_switch(
        self, account_id: str, *, enabled: bool, at: datetime, by: str, reason: str | None
    ) -> Switch:
        """Set the switch, and add a history entry if it changes; the caller holds the exclusive lock."""

    def switch_history(self, account_id: str) -> Sequence[SwitchChange]:
        """Return every change, oldest first."""

    def current_key_version(self, account_id: str) -> int:
        """Return the account key version that seals new data. Raises NotFound."""

    def wrapped_key(self, account_id: str, version: int) -> bytes:
        """Return a wrapped account key. Raises NotFound."""

    def wrapped_index_key(self, account_id: str) -> WrappedSecret:
        """Return the account's index key, wrapped by a version of its account key. Raises NotFound."""


class Connections(Protocol):
    """Connections to telephony platforms."""

    def put(self, connection: Connection) -> Connection:
        """Insert or replace by account and name; an existing connection keeps its id."""

    def find(self, account_id: str, name: str) -> Connection | None:
        """Return an account's connection by name."""

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection by the id in its webhook URL."""

    def of_account(self, account_id: str) -> Sequence[Connection]:
        """Return an account's connections, by name."""

    def delete(self, connection: Connection) -> None:
        """Delete a connection, with its credentials."""

    def claim_reconciliation(self, *, pause: timedelta) -> tuple[Connection, datetime] | None:
        """Lease, for ``pause``, a connection due for reconciliation; return it and the end of the last one."""

    def reconciled(self, connection_id: str, until: datetime, *, was: datetime | None = None) -> None:
        """Set up to when the provider's list is reconciled; with ``was``, only if that is the current value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFactRow:
    """One report about a call. Times are in plaintext, parties are sealed."""

    id: str
    account_id: str
    call_ref: str
    #: Identifies the delivery, so that a retry adds no row.
    delivery: str
    at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    sealed_facts: bytes
    key_version: int


class CallFactRows(Protocol):
    """Facts of calls, as append-only rows."""

    def add(self, row: CallFactRow) -> bool:
        """Add a row; False if the delivery already has one."""

    def of_call(self, account_id: str, call_ref: str) -> Sequence[CallFactRow]:
        """Return the rows of a call, oldest first."""

    def forget_call(self, account_id: str, call_ref: str) -> None:
        """Delete the rows and the blind-index terms of a call."""

    def index(self, account_id: str, call_ref: str, terms: Sequence[bytes]) -> None:
        """Add blind-index terms of a call."""

    def find(self, account_id: str, terms: Sequence[bytes], after: str | None, limit: int) -> Sequence[str]:
        """Return the references of calls with one of these terms, in order, starting after ``after``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """A filter on recordings. None means any."""

    state: State | None = None
    call_ref: str | None = None
    #: Blind-index terms: the recording or its call must have one of each group.
    terms: tuple[tuple[bytes, ...], ...] = ()
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecording:
    """A new recording, from its announcement or upload."""

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
    #: The party on each channel.
    voices: tuple[Voice, ...] = ()
    #: The recording's id in the provider's REST API.
    source_ref: str | None = None
    source_policy: SourcePolicy = "keep"
    #: Why it is refused at its announcement; empty if it is not.
    grounds: tuple[Reason, ...] = ()


class Recordings(Protocol):
    """Recordings as rows: inserted, found and listed."""

    def insert_upload(
        self, new: NewRecording, *, state: State, reasons: Sequence[Reason], epoch: int
    ) -> None:
        """Insert an upload's row. Raises Busy if another client inserted this reference first."""

    def get(self, account_id: str, recording_id: str) -> Recording | None:
        """Return a recording of this account."""

    def by_id(self, recording_id: str) -> Recording | None:
        """Return a recording of any account, for operators."""

    def existing(self, recording_ids: Sequence[str]) -> set[str]:
        """Return those of these ids that exist, in any account; pass at most some hundred."""

    def by_ref(self, account_id: str, connection_id: str | None, recording_ref: str) -> Recording | None:
        """Return a recording by the reference of its source."""

    def keys(self, recording_id: str) -> RecordingKeys | None:
        """Return the recording's keys and sealed columns; None before it is sealed and after it is shredded."""

    def announcement(self, recording_id: str) -> tuple[bytes, int] | None:
        """Return the sealed announcement and its key version."""

    def page(
        self, account_id: str, wanted: RecordingFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Recording]:
        """Return recordings, newest first, starting before the cursor (received_at, id)."""

    def of_call(self, account_id: str, call_ref: str) -> Sequence[Recording]:
        """Return the recordings of a call, oldest first."""

    def restrict(self, recording_id: str, *, restricted: bool) -> None:
        """Block or permit playback of a recording."""

    def index(self, account_id: str, recording_id: str, terms: Sequence[bytes]) -> None:
        """Add blind-index terms of a recording."""

    def forget_terms(self, recording_id: str) -> None:
        """Delete the blind-index terms of a recording."""


class Events(Protocol):
    """Access events: appended to the outbox, and read once they are in the tree."""

    def append(self, event: AccessEvent) -> None:
        """Add an event in this transaction. A closing act is also added to the journal."""

    def append_leaf(self, leaf: bytes) -> None:
        """Add an event again by its exact bytes, without its sealed detail."""

    def page(
        self, account_id: str, *, recording_id: str | None, start: int, limit: int
    ) -> Sequence[LoggedEvent]:
        """Return sequenced events in tree order, from index ``start``."""

    def at(self, account_id: str, index: int) -> LoggedEvent | None:
        """Return an account's event by its index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The stored response of a request with an Idempotency-Key."""

    fingerprint: bytes
    status: int
    body: bytes


class ApiKeys(Protocol):
    """API keys, and the stored responses of idempotent requests."""

    def insert(self, key: ApiKey, secret_hash: bytes) -> None:
        """Add a key."""

    def find(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key, also a revoked one, and the hash of its secret."""

    def page(self, account_id: str | None) -> Sequence[ApiKey]:
        """Return the keys of an account, or of all accounts."""

    def revoke(self, key_id: str, at: datetime) -> None:
        """Revoke the key, with effect from the next request."""

    def answer(self, key_id: str, idempotency_key: bytes) -> KeptAnswer | None:
        """Return the stored response for this idempotency key."""

    def keep_answer(self, key_id: str, idempotency_key: bytes, answer: KeptAnswer, at: datetime) -> None:
        """Store a response. Raises Busy if another request stored one first."""

    def forget_answers(self, before: datetime) -> bool:
        """Delete a batch of responses stored before then; False once there are none."""


class Metadata(Protocol):
    """Facts about this vault, such as its id and the proof of its root key."""

    def get(self, name: str) -> bytes | None:
        """Return a fact."""

    def put(self, values: Mapping[str, bytes]) -> None:
        """Set new facts. Raises Refused if one already exists."""

    def replace(self, values: Mapping[str, bytes], *, drop: Sequence[str] = ()) -> None:
        """Set facts, overwriting existing ones, and delete those in ``drop``."""
