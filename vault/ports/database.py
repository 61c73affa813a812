"""The database: functions run in transactions, and two kinds of rows that are written in batches."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import State
from vault.ports.access_log import Checkpoints, Tree
from vault.ports.closing import ClosingActs
from vault.ports.consent_stores import ConsentPolicies, Consents, EvidenceChains, Objections, Pauses
from vault.ports.link_stores import Links
from vault.ports.notices import Notices
from vault.ports.restoring import AccountObjects, Inventory, Restored, StoreContents, Tombstones
from vault.ports.rotation import Rotations
from vault.ports.stores import (
    Accounts,
    ApiKeys,
    CallFactRows,
    Connections,
    Events,
    Metadata,
    NewRecording,
    Recordings,
)
from vault.ports.words import ClearWordsStore
from vault.ports.work import Queue, Sources, Turns

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction. Its writes are durable only when ``Database.write`` returns."""

    @property
    def connection(self) -> Any:
        """Return the connection that the transaction is open on, for stores."""

    @property
    def accounts(self) -> Accounts:
        """Return accounts, their switch and their wrapped keys."""

    @property
    def connections(self) -> Connections:
        """Return connections to telephony platforms."""

    @property
    def call_facts(self) -> CallFactRows:
        """Return call facts."""

    @property
    def consents(self) -> Consents:
        """Return consent events."""

    @property
    def objections(self) -> Objections:
        """Return the numbers that must not be recorded."""

    @property
    def policies(self) -> ConsentPolicies:
        """Return the accounts' consent policies."""

    @property
    def words(self) -> ClearWordsStore:
        """Return free text that an older release stored in plaintext."""

    @property
    def notices(self) -> Notices:
        """Return notices."""

    @property
    def pauses(self) -> Pauses:
        """Return the calls whose recordings are to be paused at the provider."""

    @property
    def evidence(self) -> EvidenceChains:
        """Return the evidence entries added after recordings were sealed."""

    @property
    def recordings(self) -> Recordings:
        """Return recordings as rows."""

    @property
    def queue(self) -> Queue:
        """Return the work queue of recordings."""

    @property
    def sources(self) -> Sources:
        """Return the queue of the providers' copies to delete."""

    @property
    def links(self) -> Links:
        """Return links and sessions."""

    @property
    def events(self) -> Events:
        """Return the outbox of access events."""

    @property
    def closing(self) -> ClosingActs:
        """Return the closing acts and the state of their objects."""

    @property
    def tree(self) -> Tree:
        """Return the Merkle tree over the events."""

    @property
    def checkpoints(self) -> Checkpoints:
        """Return the tree's signed checkpoints."""

    @property
    def api_keys(self) -> ApiKeys:
        """Return API keys and the stored responses of idempotent requests."""

    @property
    def rotations(self) -> Rotations:
        """Return the rotations of account keys."""

    @property
    def metadata(self) -> Metadata:
        """Return the facts about this vault."""

    @property
    def account_objects(self) -> AccountObjects:
        """Return the accounts' objects for the object store."""

    @property
    def tombstones(self) -> Tombstones:
        """Return the tombstones of refused, failed and erased recordings for the object store."""

    @property
    def inventory(self) -> Inventory:
        """Return the inventory, for comparison with the object store."""

    @property
    def store(self) -> StoreContents:
        """Return the recorded content of the object store, and the data to write again."""

    @property
    def restored(self) -> Restored:
        """Return the operations that restore a database from the object store."""

    @property
    def turns(self) -> Turns:
        """Return the leases of singleton jobs."""

    def now(self) -> datetime:
        """Return the database's time, which leases and expiries use."""

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Hold the account's lock until the end of the transaction: shared for gates, exclusive for the switch.

        Later statements read a state that no concurrent transaction can change.
        """

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Hold a call's lock until the end, taken after the account's: for answers of its parties, and for gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The row for an announcement."""

    recording_id: str
    state: State
    #: False for a duplicate announcement.
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The event for a window of audio, which must be durable before the window is served."""

    event: AccessEvent
    #: The session that must still be valid; None for a download by API key.
    session_id: str | None


class Database(Protocol):
    """The database. Every method raises Unavailable where a write is not confirmed.

    Usually nothing was written then. But the response to a commit can be lost, and then the write is durable:
    callers retry, which is safe, and delete no object that a row could reference.
    """

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in a transaction and return its result once it is durable.

        The function uses only its transaction, and may run twice. Its exceptions roll back and propagate.
        Cancelling the caller does not roll back. ``urgent`` calls precede queued ones.
        """

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a consistent snapshot; it must not write."""

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording, as received or as refused by the switch, unless its reference exists.

        Written in batches, under the account's shared lock.
        """

    async def grant(self, grant: Grant) -> bool:
        """Write the event if session, link and recording are still valid; return whether it was written.

        Written in batches. True means that the event is durable.
        """

    async def check(self) -> None:
        """Check the schema version. Raises StartRefused if it is not that of this release, Unavailable."""

    async def scrub(self) -> bool:
        """Remove deleted data from the database's files; False if it must be retried.

        SQLite overwrites deleted data and truncates its write-ahead log. PostgreSQL keeps old row versions until
        its vacuum; there the result is True and the erasure's receipt mentions it.
        """
