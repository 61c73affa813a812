"""PostgreSQL behind the database port: many processes, one transaction for each function.

READ COMMITTED with a per-account advisory lock: measured, SERIALIZABLE and row locks both break the
promise of the switch or starve it. Every wait has an end, so that a stopped node cannot hold a lock, and
every call has one, so that a standby that stands still holds up no caller for ever. If the server goes away,
callers hear Unavailable, and the pool connects again once it is back. When the answer to a COMMIT is lost,
nobody knows whether it stands: callers repeat, and repeats are safe.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from vault import metrics
from vault.database.engines.micro_batch import MicroBatch
from vault.database.engines.migrate import check_schema
from vault.database.engines.postgresql_call import DEADLINE, UNKNOWN
from vault.database.engines.postgresql_calls import Lane, PostgresqlCalls
from vault.database.engines.transaction import SqlTransaction
from vault.database.stores.hot_statements import announce_group, grant_group
from vault.errors import Unavailable, VaultError
from vault.ports.database import Announced, Grant, Transaction
from vault.ports.stores import NewRecording

T = TypeVar("T")


class PostgresqlRows:
    """The database port over calls; ``guarded`` or not by the look at what history it is."""

    def __init__(self, calls: PostgresqlCalls, *, guarded: bool) -> None:
        """Share the threads and connections of ``calls``."""
        self._calls = calls
        self._guarded = guarded
        self._announcements: MicroBatch[NewRecording, Announced] = MicroBatch(self._announce_group)
        self._grants: MicroBatch[Grant, bool] = MicroBatch(self._grant_group)

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in a transaction of its own."""
        return await self._call(lambda connection: function(SqlTransaction(connection)), urgent=urgent)

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a snapshot, in a transaction that cannot write."""
        return await self._call(lambda connection: function(SqlTransaction(connection)), snapshot=True)

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording with whatever else is announced at this moment."""
        return await _within_deadline(self._announcements.add(new))

    async def grant(self, grant: Grant) -> bool:
        """Write the grant's event with whatever else is granted at this moment."""
        return await _within_deadline(self._grants.add(grant))

    async def check(self) -> None:
        """Ask the server which schema it has. Raises Unavailable also while writes have no end."""
        await self._call(check_schema, snapshot=True)
        self._calls.refuse_stuck()

    async def scrub(self) -> bool:
        """Leave old row versions to the vacuum: nothing that a transaction does removes them sooner."""
        return True

    async def _announce_group(self, group: Sequence[NewRecording]) -> Sequence[Announced | VaultError]:
        metrics.GROUPS.labels("announce").observe(len(group))
        return await self._call(lambda connection: announce_group(connection, group))

    async def _grant_group(self, group: Sequence[Grant]) -> Sequence[bool]:
        metrics.GROUPS.labels("grant").observe(len(group))
        return await self._call(lambda connection: grant_group(connection, group))

    async def _call(
        self, function: Callable[[Connection], T], *, snapshot: bool = False, urgent: bool = False
    ) -> T:
        lane: Lane = "read" if snapshot else "urgent" if urgent else "write"
        return await self._calls.run(function, lane=lane, guarded=self._guarded)


class PostgresqlDatabase(PostgresqlRows):
    """Pools of connections, and the threads that use them."""

    def __init__(self, url: str) -> None:
        """Connect lazily. The schema must be there already: ``callvault migrate`` makes it.

        Raises StartRefused for a URL that cannot be read.
        """
        super().__init__(PostgresqlCalls(url), guarded=True)
        #: The same rows for the look itself: calls go through while ``look`` has not returned.
        self.unguarded = PostgresqlRows(self._calls, guarded=False)

    @property
    def look(self) -> Callable[[], Awaitable[None]] | None:
        """Return what is awaited before the first call on a server, timeline or start that was not seen before.

        It works on ``unguarded``, and raises where calls must not go through: they fail Unavailable then, and the
        next look is a second later at the soonest.
        """
        return self._calls.gate.look

    @look.setter
    def look(self, look: Callable[[], Awaitable[None]] | None) -> None:
        """Set it, and look again at what went through before."""
        self._calls.gate.look = look

    def close(self) -> None:
        """Let what runs end for two seconds, cut the rest, and close the connections."""
        self._calls.close()


async def _within_deadline(row: Awaitable[T]) -> T:
    """Wait for a row of a group, with the group before it. The row is written all the same."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await row
    except TimeoutError as error:
        raise Unavailable(UNKNOWN, cause="database") from error
