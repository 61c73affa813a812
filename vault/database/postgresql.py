"""PostgreSQL behind the database port: many processes, one transaction for each function.

READ COMMITTED with a per-account advisory lock: measured, SERIALIZABLE and row locks both break the
promise of the switch or starve it. Every wait has an end, so that a stopped node cannot hold a lock.
If the server goes away, callers hear Unavailable, and the pool connects anew once it is back. When
the answer to a COMMIT is lost, nobody knows whether it stands: callers repeat, and repeats are safe.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vault import meters
from vault.chance import CHANCE
from vault.database.grouped_rows import announce_group, grant_group
from vault.database.migrate import check_schema
from vault.database.postgresql_url import engine_url
from vault.database.row_group import RowGroup
from vault.database.transaction import SqlTransaction
from vault.errors import Invalid, Unavailable, VaultError
from vault.logs import Log
from vault.ports.database import Announced, Grant, Transaction
from vault.ports.stores import NewRecording
from vault.threads import Threads

T = TypeVar("T")
_LOG = Log(__name__)
_CONNECTIONS = 12
#: Connections kept for urgent writes, so that the switch never queues behind a flood.
_URGENT_CONNECTIONS = 2
#: Calls that may wait for a connection; beyond them a caller is told to come back later.
_LONGEST_QUEUE = 4096
#: Deadlock, and serialization failure: the same function may succeed at once.
_AGAIN = {"40P01", "40001"}
_ATTEMPTS = 6
_CONNECT = {
    "options": "-c lock_timeout=5s -c statement_timeout=5s -c idle_in_transaction_session_timeout=5s",
    "connect_timeout": 5,
    "application_name": "callvault",
    # A server that vanished from the network is noticed within seconds, not hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: Reads see one snapshot from their first statement to their last, as they do on SQLite.
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class PostgresqlDatabase:
    """A pool of connections, and the threads that use them."""

    def __init__(self, url: str) -> None:
        """Connect lazily. The schema must be there already: ``callvault migrate`` makes it."""
        self._engine = create_engine(
            engine_url(url),
            pool_size=_CONNECTIONS + _URGENT_CONNECTIONS,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args=_CONNECT,
        )
        self._snapshots = self._engine.execution_options(**_SNAPSHOT)
        self._threads = Threads("postgresql", _CONNECTIONS)
        self._urgent_threads = Threads("postgresql-urgent", _URGENT_CONNECTIONS)
        self._announcements: RowGroup[NewRecording, Announced] = RowGroup(self._announce_group)
        self._grants: RowGroup[Grant, bool] = RowGroup(self._grant_group)
        self._under_way = 0
        self._closed = False

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in a transaction of its own."""
        return await self._call(lambda connection: function(SqlTransaction(connection)), urgent=urgent)

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a snapshot, in a transaction that cannot write."""
        return await self._call(lambda connection: function(SqlTransaction(connection)), snapshot=True)

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording with whatever else is announced at this moment."""
        return await self._announcements.add(new)

    async def grant(self, grant: Grant) -> bool:
        """Write the grant's event with whatever else is granted at this moment."""
        return await self._grants.add(grant)

    async def check(self) -> None:
        """Ask the server which schema it has."""
        await self._call(check_schema, snapshot=True)

    async def scrub(self) -> bool:
        """Leave old row versions to the vacuum: nothing that a transaction does removes them sooner."""
        return True

    def close(self) -> None:
        """Wait for what runs and close the connections."""
        self._closed = True
        self._threads.close()
        self._urgent_threads.close()
        self._engine.dispose()

    async def _announce_group(self, group: Sequence[NewRecording]) -> Sequence[Announced | VaultError]:
        meters.GROUPS.labels("announce").observe(len(group))
        return await self._call(lambda connection: announce_group(connection, group))

    async def _grant_group(self, group: Sequence[Grant]) -> Sequence[bool]:
        meters.GROUPS.labels("grant").observe(len(group))
        return await self._call(lambda connection: grant_group(connection, group))

    async def _call(
        self, function: Callable[[Connection], T], *, snapshot: bool = False, urgent: bool = False
    ) -> T:
        if self._closed:
            raise Unavailable("The service is stopping.")
        if urgent:
            return await self._urgent_threads.run(self._run, function, snapshot)
        if self._under_way >= _LONGEST_QUEUE:
            raise Unavailable("Too many calls wait for the database.", retry_after=1)
        self._under_way += 1
        try:
            return await self._threads.run(self._run, function, snapshot)
        finally:
            self._under_way -= 1

    def _run(self, function: Callable[[Connection], T], snapshot: bool) -> T:  # noqa: FBT001 - threads pass by position
        engine = self._snapshots if snapshot else self._engine
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with engine.begin() as connection:
                    result = function(connection)
                    _refuse_aborted(connection)
                return result  # noqa: TRY300 - the commit, which is the end of the block, may fail too
            except PoolTimeoutError as error:
                raise Unavailable("No database connection is free.") from error
            except (DBAPIError, psycopg.Error) as error:
                # The grouped statements go to the driver itself, past SQLAlchemy's own errors.
                cause = error.orig if isinstance(error, DBAPIError) else error
                if isinstance(cause, psycopg.IntegrityError):
                    raise
                if isinstance(cause, psycopg.DataError):
                    raise Invalid("The database cannot keep a value as it was sent.") from error
                if getattr(cause, "sqlstate", None) not in _AGAIN:
                    _LOG.error("database.failed", error=type(cause).__name__)
                    raise Unavailable("The database did not answer in time.") from error
                time.sleep(CHANCE.uniform(0, 0.01 * 2**attempt))
        raise Unavailable("The database is too busy.", retry_after=1)


def _refuse_aborted(connection: Connection) -> None:
    """Raise if the function swallowed a database error: its COMMIT would quietly be a rollback."""
    driver = connection.connection.driver_connection
    if driver is not None and driver.info.transaction_status == TransactionStatus.INERROR:
        raise RuntimeError("The function went on after a statement had failed.")
