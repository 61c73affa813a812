"""The interface of both databases for services: functions run in transactions, and hot statements that need none."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from vault.database.signals import Signals
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.stores.hot.add_fact import AddedFact, NewFact
from vault.database.stores.hot.open_sessions import NewSession
from vault.database.stores.hot.statements import Announced, Grant
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Session
from vault.domain.recordings.recording import Lease, State

T = TypeVar("T")


class Database(Protocol):
    """The database. Every method raises Unavailable where a write is not confirmed.

    Usually nothing was written then. But the response to a commit can be lost, and then the write is durable:
    callers retry, which is safe, and delete no object that a row could reference.
    """

    @property
    def signals(self) -> Signals:
        """Return the signals of work that transactions leave, for the worker of this process."""

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in a transaction and return its result once it is durable.

        The function uses only its transaction, and may run twice. Its exceptions roll back and propagate.
        Cancelling the caller does not roll back. ``urgent`` calls precede queued ones.
        """

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a consistent snapshot; it must not write."""

    async def long(self, function: Callable[[Transaction], T], *, writes: bool) -> T:
        """Run ``function`` as ``write`` or ``read`` do, for as much of an account as there is.

        It may take an hour: on PostgreSQL the others end after some seconds.
        """

    async def fetch(self, select: CompiledSelect, **values: object) -> list[dict[str, Any]]:
        """Return the rows of one SELECT by column name; cheaper than ``read`` for what nearly every request asks."""

    async def add_fact(self, new: NewFact) -> AddedFact:
        """Add a fact of a call under the locks of its account and call; return the state that a decision needs.

        Raises NotFound for an unknown account.
        """

    async def claim(
        self, states: Sequence[State], *, lease: timedelta, likely: bool, but: Collection[str] = ()
    ) -> Lease | None:
        """Claim the recording that has waited longest in one of the states, of the account with the fewest leases.

        No account of ``but``: where more than some dozens of accounts wait, a claim may find only those, and nothing.
        ``likely``: whether there probably is one, which decides what is cheaper.
        """

    async def first_manifest_written(self, held: Lease, key_version: int | None) -> bool:
        """Mark the manifest of a recording that was just admitted as stored, and release its lease.

        If what it was made from has changed since, it stays due. False if the recording is no longer available.
        A crash of the database may undo it: then the manifest is written again.
        """

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording, as received or as refused by the switch, unless its reference exists.

        Written in batches, under the account's shared lock.
        """

    async def grant(self, grant: Grant) -> bool:
        """Write the event if session, link and recording are still valid; return whether it was written.

        Written in batches. True means that the event is durable.
        """

    async def open_session(self, new: NewSession) -> Session | None:
        """Open a link: return the session once its event is in the log's tree, or None for a refusal, which is logged.

        Written in batches. The session of an earlier request with the same nonce is returned again. Raises NotFound if
        the link or its recording is not good.
        """

    async def is_valid(self, event: AccessEvent) -> bool:
        """Return whether session, link and recording of a grant of ``event`` are still valid."""

    async def append_soon(self, event: AccessEvent) -> None:
        """Write an event that nobody waits for and that closes nothing; return once it is durable.

        It may wait a fifth of a second for grants whose transaction it shares.
        """

    async def check(self) -> None:
        """Check the schema version. Raises StartRefused if it is not that of this release, Unavailable."""

    async def scrub(self, *, moved: bool = False) -> bool:
        """Remove deleted data from the database's files; False if it must be retried.

        SQLite overwrites deleted data and truncates its write-ahead log; with ``moved`` also the copies that rows left
        in other pages when SQLite moved them, which reads the whole file: the sweep does it every hour. PostgreSQL
        keeps old row versions until its vacuum; there the result is True and the erasure's receipt mentions it.
        """
