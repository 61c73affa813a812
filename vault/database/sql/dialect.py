"""The differences of SQLite and PostgreSQL inside a transaction."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    literal,
    literal_column,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.schema import Table

from vault.database.schema.core import MICROSECOND, Moment, micros, moment

#: The time at which a statement arrived, in microseconds. A stable function, because only that can bound an index scan.
POSTGRESQL_NOW = "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"


class DatabaseNow(FunctionElement[datetime]):
    """The database's time as a column of a compiled statement."""

    inherit_cache = True
    type = Moment()


@compiles(DatabaseNow)
def _now_on_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_more: Any) -> str:
    return POSTGRESQL_NOW


@compiles(DatabaseNow, "sqlite")
def _now_on_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_more: Any) -> str:
    return "callvault_now()"


def define_sqlite_now(connection: sqlite3.Connection) -> None:
    """Let a connection compile DatabaseNow: SQLite runs in this process, so its time is the process's."""
    connection.create_function("callvault_now", 0, lambda: micros(datetime.now(UTC)))


def is_postgresql(connection: Connection) -> bool:
    """Return whether this is a PostgreSQL connection."""
    return connection.dialect.name == "postgresql"


def insert_for(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT."""
    return insert_into(table, on_postgresql=is_postgresql(connection))


def insert_new(connection: Connection, table: Table, *rows: dict[str, Any]) -> int:
    """Insert the rows whose unique keys do not exist yet; return the number inserted.

    RETURNING counts them, because drivers do not report a row count for every INSERT.
    """
    return len(insert_returning(connection, table, rows, None))


def insert_returning(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], column: str | None
) -> Sequence[Any]:
    """Insert the rows, at least one, whose unique keys do not exist yet; return a column of each that was inserted."""
    insert = _insert_new(table, column, on_postgresql=is_postgresql(connection))
    return connection.execute(insert, list(rows)).scalars().all()


def insert_selected(connection: Connection, table: Table, rows: Select[*tuple[Any, ...]]) -> None:
    """Insert the rows that a query with a condition returns, those whose unique keys do not exist yet."""
    insert = insert_into(table, on_postgresql=is_postgresql(connection))
    names = [column.name for column in rows.selected_columns]
    connection.execute(insert.from_select(names, rows).on_conflict_do_nothing())


def insert_into(table: Table, *, on_postgresql: bool) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT, for a statement that is built once for each database."""
    return postgresql.insert(table) if on_postgresql else sqlite.insert(table)


@cache
def _insert_new(table: Table, column: str | None, *, on_postgresql: bool) -> ReturningInsert[tuple[Any]]:
    """Return the statement; cached because building it takes longer than running it."""
    shown = literal(1) if column is None else table.c[column]
    return insert_into(table, on_postgresql=on_postgresql).on_conflict_do_nothing().returning(shown)


def database_now(connection: Connection) -> datetime:
    """Return the database's time; for SQLite, which runs in this process, the process's time."""
    if not is_postgresql(connection):
        return datetime.now(UTC)
    query = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return moment(connection.execute(query).scalar_one())


def sql_now(connection: Connection, plus: timedelta = timedelta()) -> ColumnElement[datetime]:
    """Return the database's time, and ``plus``, as a part of a statement, which saves a round trip.

    On PostgreSQL it is the time at which the statement arrived; for SQLite, which runs in this process, the process's.
    """
    if not is_postgresql(connection):
        return literal(datetime.now(UTC) + plus, Moment())
    now = literal_column(POSTGRESQL_NOW, BigInteger())
    return type_coerce(now + plus // MICROSECOND, Moment()) if plus else type_coerce(now, Moment())


def later(name: str) -> ColumnElement[datetime]:
    """Return the database's time and the microseconds of a parameter, as a part of a statement that is built once."""
    return type_coerce(type_coerce(DatabaseNow(), BigInteger) + bindparam(name, type_=BigInteger), Moment())


def lock_account(connection: Connection, account_id: str, *, exclusive: bool) -> None:
    """Take the account's advisory lock until the end of the transaction.

    Advisory locks queue fairly; with row locks, a stream of readers could starve the recording switch.
    SQLite needs none: its single writer runs transactions serially.
    """
    if not is_postgresql(connection):
        return
    _lock(
        connection,
        "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared",
        lock_key(account_id),
    )


def lock_call(connection: Connection, account_id: str, call_ref: str) -> None:
    """Take the advisory lock of a call until the end of the transaction; SQLite needs none."""
    if is_postgresql(connection):
        _lock(connection, "pg_advisory_xact_lock", call_lock_key(account_id, call_ref))


def lock_account_and_call(connection: Connection, account_id: str, call_ref: str) -> None:
    """Take an account's shared lock and then the lock of its call; SQLite needs none.

    PostgreSQL computes the columns of a SELECT without FROM in their order.
    """
    if is_postgresql(connection):
        connection.connection.cursor().execute(
            "SELECT pg_advisory_xact_lock_shared(%s), pg_advisory_xact_lock(%s)",
            (lock_key(account_id), call_lock_key(account_id, call_ref)),
        )


def _lock(connection: Connection, function: str, key: int) -> None:
    """Lock through the driver: nearly every request does, and SQLAlchemy's overhead exceeds the server's time."""
    connection.connection.cursor().execute(f"SELECT {function}(%s)", (key,))


def lock_key(account_id: str) -> int:
    """Return the key of the account's advisory lock."""
    return _lock_key(f"account-lock/{account_id}")


def call_lock_key(account_id: str, call_ref: str) -> int:
    """Return the key of the call's advisory lock."""
    return _lock_key(f"call-lock/{account_id}/{call_ref}")


def _lock_key(name: str) -> int:
    """Return 64 bits of a hash. A collision only causes extra waiting."""
    digest = hashlib.sha256(f"callvault/{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def log_lock_key() -> int:
    """Return the key of the advisory lock for advancing the access log's tree."""
    digest = hashlib.sha256(b"callvault/log-lock").digest()
    return int.from_bytes(digest[:8], "big", signed=True)
