"""PostgreSQL behind the database port: many processes, one transaction for each function.

READ COMMITTED with a per-account advisory lock: measured, SERIALIZABLE and row locks both break the
promise of the switch or starve it. Every wait has an end, so that a stopped node cannot hold a lock.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vault.database.grouped_rows import announce_group, grant_group
from vault.database.postgresql_url import engine_url
from vault.database.row_group import RowGroup
from vault.database.transaction import SqlTransaction
from vault.errors import Unavailable
from vault.logs import Log
from vault.ports.database import Announced, Grant, Transaction
from vault.ports.stores import NewRecording
from vault.threads import Threads

T = TypeVar("T")
_LOG = Log(__name__)
_CONNECTIONS = 12
#: Deadlock, and serialization failure: the same function may succeed at once.
_AGAIN = {"40P01", "40001"}
_ATTEMPTS = 6
_TIMEOUTS = "-c lock_timeout=5s -c statement_timeout=5s -c idle_in_transaction_session_timeout=5s"


class PostgresqlDatabase:
    """A pool of connections, and the threads that use them."""

    def __init__(self, url: str) -> None:
        """Connect lazily. The schema must be there already: ``callvault migrate`` makes it."""
        self._engine = create_engine(
            engine_url(url),
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"options": _TIMEOUTS, "connect_timeout": 5, "application_name": "callvault"},
        )
        self._threads = Threads("postgresql", _CONNECTIONS)
        self._announcements: RowGroup[NewRecording, Announced] = RowGroup(self._announce_group)
        self._grants: RowGroup[Grant, bool] = RowGroup(self._grant_group)

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:  # noqa: ARG002 - the lock queue is fair by itself
        """Run ``function`` in a transaction of its own."""
        return await self._threads.run(self._run, lambda connection: function(SqlTransaction(connection)))

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` in a transaction of its own."""
        return await self._threads.run(self._run, lambda connection: function(SqlTransaction(connection)))

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording with whatever else is announced at this moment."""
        return await self._announcements.add(new)

    async def grant(self, grant: Grant) -> bool:
        """Write the grant's event with whatever else is granted at this moment."""
        return await self._grants.add(grant)

    def close(self) -> None:
        """Wait for what runs and close the connections."""
        self._threads.close()
        self._engine.dispose()

    async def _announce_group(self, group: Sequence[NewRecording]) -> Sequence[Announced]:
        return await self._threads.run(self._run, lambda connection: announce_group(connection, group))

    async def _grant_group(self, group: Sequence[Grant]) -> Sequence[bool]:
        return await self._threads.run(self._run, lambda connection: grant_group(connection, group))

    def _run(self, function: Callable[[Connection], T]) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    return function(connection)
            except IntegrityError:
                raise
            except PoolTimeoutError as error:
                raise Unavailable("No database connection is free.") from error
            except DBAPIError as error:
                if _state(error.orig) in _AGAIN and attempt + 1 < _ATTEMPTS:
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads retries, hides nothing
                    continue
                _LOG.error("database.failed", error=type(error.orig).__name__)
                raise Unavailable("The database did not answer; nothing was changed.") from error
            except psycopg.Error as error:
                # The grouped statements go to the driver itself, past SQLAlchemy's own errors.
                if _state(error) in _AGAIN and attempt + 1 < _ATTEMPTS:
                    continue
                _LOG.error("database.failed", error=type(error).__name__)
                raise Unavailable("The database did not answer; nothing was changed.") from error
        raise Unavailable("The database is too busy.")


def _state(error: BaseException | None) -> str | None:
    state: str | None = getattr(error, "sqlstate", None)
    return state


