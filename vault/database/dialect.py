"""The few places where SQLite and PostgreSQL differ inside a transaction."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, literal, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.schema import Table

from vault.database.schema import moment


def is_postgresql(connection: Connection) -> bool:
    """Say which of the two this is."""
    return connection.dialect.name == "postgresql"


def insert_for(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def insert_new(connection: Connection, table: Table, *rows: dict[str, Any]) -> int:
    """Insert the rows whose unique keys are not there yet, and return how many these were.

    They are counted by RETURNING, because a driver's own count is not to be had for every INSERT.
    """
    insert = insert_for(connection, table).values(list(rows)).on_conflict_do_nothing()
    return len(connection.execute(insert.returning(literal(1))).all())


def database_now(connection: Connection) -> datetime:
    """Return the database's time; SQLite is this process, so its time is ours."""
    if not is_postgresql(connection):
        return datetime.now(UTC)
    query = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return moment(connection.execute(query).scalar_one())


def lock_account(connection: Connection, account_id: str, *, exclusive: bool) -> None:
    """Hold the account's advisory lock to the end of the transaction.

    Advisory locks queue fairly; row locks let a stream of readers starve the switch. SQLite needs
    none: its one writer runs one transaction after the other.
    """
    if not is_postgresql(connection):
        return
    function = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    connection.execute(text(f"SELECT {function}(:key)"), {"key": lock_key(account_id)})


def lock_call(connection: Connection, account_id: str, call_ref: str) -> None:
    """Hold the advisory lock of one call to the end of the transaction; SQLite needs none."""
    if is_postgresql(connection):
        key = _lock_key(f"call-lock/{account_id}/{call_ref}")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def lock_key(account_id: str) -> int:
    """Return the account's advisory lock."""
    return _lock_key(f"account-lock/{account_id}")


def _lock_key(name: str) -> int:
    """Return 64 bits of a hash. A collision only adds waiting."""
    digest = hashlib.sha256(f"callvault/{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
