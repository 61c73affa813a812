"""The database: plain functions run in transactions, and two kinds of rows that are written in groups."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

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
    """One transaction. What it wrote is durable when ``Database.write`` returns, and not before."""

    @property
    def accounts(self) -> Accounts:
        """Return accounts, their switch and their wrapped keys."""

    @property
    def connections(self) -> Connections:
        """Return connections to telephony platforms."""

    @property
    def call_facts(self) -> CallFactRows:
        """Return what was said of calls."""

    @property
    def consents(self) -> Consents:
        """Return what parties of calls were told and answered."""

    @property
    def objections(self) -> Objections:
        """Return the numbers that must not be recorded."""

    @property
    def policies(self) -> ConsentPolicies:
        """Return the accounts' consent policies."""

    @property
    def words(self) -> ClearWordsStore:
        """Return words that an older release kept in clear."""

    @property
    def notices(self) -> Notices:
        """Return what parties are told of recordings."""

    @property
    def pauses(self) -> Pauses:
        """Return the calls whose recordings are to be paused at the provider."""

    @property
    def evidence(self) -> EvidenceChains:
        """Return what came to the evidence after recordings were sealed."""

    @property
    def recordings(self) -> Recordings:
        """Return recordings as rows."""

    @property
    def queue(self) -> Queue:
        """Return the queue: recordings as work that moves from state to state."""

    @property
    def sources(self) -> Sources:
        """Return the providers' copies of recordings, as work."""

    @property
    def links(self) -> Links:
        """Return links and sessions."""

    @property
    def events(self) -> Events:
        """Return the outbox of access events."""

    @property
    def closing(self) -> ClosingActs:
        """Return the closing acts, and what became of their objects."""

    @property
    def tree(self) -> Tree:
        """Return the tree that the events stand in."""

    @property
    def checkpoints(self) -> Checkpoints:
        """Return the signed checkpoints of the tree."""

    @property
    def api_keys(self) -> ApiKeys:
        """Return API keys and the answers kept for repeated requests."""

    @property
    def rotations(self) -> Rotations:
        """Return the versions of account keys, and what lies under them."""

    @property
    def metadata(self) -> Metadata:
        """Return the facts about this vault itself."""

    @property
    def account_objects(self) -> AccountObjects:
        """Return accounts as they are written to the object store."""

    @property
    def tombstones(self) -> Tombstones:
        """Return refused, failed and erased recordings as they are written to the object store."""

    @property
    def inventory(self) -> Inventory:
        """Return what there is, to be compared with the object store."""

    @property
    def store(self) -> StoreContents:
        """Return what lies in the object store, and what is to be written there again."""

    @property
    def restored(self) -> Restored:
        """Return what makes a database whole from the object store."""

    @property
    def turns(self) -> Turns:
        """Return the turns: what one of all nodes does at a time."""

    def now(self) -> datetime:
        """Return the database's time, on which leases and expiries stand."""

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Hold the account's lock to the end: shared for gates, exclusive for the switch.

        What is read after it, in a statement of its own, is what no concurrent change can undo.
        """

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Hold a call's lock to the end, after the account's: for answers of its parties, and for gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The row that stands for an announcement now."""

    recording_id: str
    state: State
    #: False for a repeated announcement.
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A window of audio that is about to be served, as an event that must be durable first."""

    event: AccessEvent
    #: The session that must still be good; None for a download by API key.
    session_id: str | None


class Database(Protocol):
    """Where rows live. Every method raises Unavailable where it does not know that it was written.

    Nearly always nothing was. But the answer to a commit can be lost, and then what was written stands:
    callers repeat, which is safe, and delete nothing that a row could name by then.
    """

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in a transaction and return its result once it is durable.

        The function touches only its transaction, and may run twice. What it raises undoes it and
        comes out here. Cancelling the caller does not undo it. ``urgent`` overtakes what waits.
        """

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on one consistent snapshot; it must not write."""

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording unless its reference is known, as received or refused by the switch.

        Written in groups, with the account's shared lock held.
        """

    async def grant(self, grant: Grant) -> bool:
        """Write the event if session, link and recording are still good; say whether it was.

        Written in groups. True means that the event is durable.
        """

    async def check(self) -> None:
        """Ask for the schema. Raises StartRefused if it is not that of this release, Unavailable."""

    async def scrub(self) -> bool:
        """Leave nothing of what was deleted in the database's own files; False if that must wait.

        SQLite overwrites what it deletes and empties its write-ahead log. PostgreSQL keeps old row
        versions until its vacuum; there the answer is True and the erasure's receipt says so.
        """
