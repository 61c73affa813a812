"""Confirm, in the transaction itself, that a connection still has the database that was checked.

A connection survives ``DROP SCHEMA``, ``pg_restore --clean`` and a restore into its own database, so its identity at
its start is not enough. A statement goes ahead in the message with which the transaction begins, so it needs no round
trip. It fails, and the transaction with it, if the table of the log's head was made again, if the log is shorter than
this process has seen it, or if a restore is in progress. Each connection sends it at most once in some milliseconds.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from vault.database.engines.connection_check import ConnectionCheck, OutOfDate
from vault.database.engines.postgresql_connection import VaultConnection
from vault.database.sql.hot_text import HotText
from vault.domain.progress import MARK

#: It returns the size of the log. To divide by the number of rows is the shortest way to fail if there is none.
_TEXT: Final = (
    "SELECT coalesce(max(size), 1) / count(*) FROM tree_head"  # noqa: S608 - a constant
    " WHERE id = 1 AND tableoid::bigint = :log_table AND size >= :size"
    f" AND NOT EXISTS (SELECT FROM vault_metadata WHERE name = '{MARK}')"
)
GUARD: Final = HotText(_TEXT, log_table="bigint", size="bigint")
_PREPARE: Final = b"PREPARE callvault_guard (bigint, bigint) AS " + GUARD.text
#: SQLSTATE of a guard that failed because the database is another one: no row, no table, no prepared statement.
_CHANGED: Final = {"22012", "42P01", "26000"}


class HistoryChanged(psycopg.OperationalError):
    """The connection's database is not the one that was checked any more; nothing was done."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What the database must be for one call, and who is told the size of its log."""

    values: Mapping[str, int]
    confirm: Callable[[int], None]

    @classmethod
    def due_on(cls, connection: VaultConnection, gate: ConnectionCheck) -> "Guard | None":
        """Return the guard that is due on a connection; None if there is none."""
        expected, sent_at = gate.guard_of(connection), time.monotonic()
        if expected is None:
            return None
        log_table, size = expected
        return cls({"log_table": log_table, "size": size}, partial(gate.confirm, connection, sent_at=sent_at))


def has_changed(error: psycopg.Error) -> bool:
    """Return whether this error of a guard means that the database is another one."""
    return error.sqlstate in _CHANGED


def begin_confirmed(connection: VaultConnection, gate: ConnectionCheck) -> None:
    """Begin the transaction with a guard, if one is due. Blocks; called by threads.

    Raises OutOfDate if the database is another one, and psycopg.Error.
    """
    expected = gate.guard_of(connection)
    if expected is None:
        return
    sent_at = time.monotonic()
    try:
        if not connection.has_guard:
            _execute(connection, _PREPARE)
            connection.has_guard = True
        begin = _begin(connection)
        size = _execute(connection, b"%s; EXECUTE callvault_guard(%d, %d)" % (begin, *expected))
    except psycopg.Error as error:
        if not has_changed(error):
            raise
        raise OutOfDate from error
    gate.confirm(connection, int(size or 0), sent_at=sent_at)


def _begin(connection: VaultConnection) -> bytes:
    """Return the BEGIN that the driver would send before the first statement."""
    level = connection.isolation_level
    isolation = "" if level is None else f" ISOLATION LEVEL {level.name.replace('_', ' ')}"
    return f"BEGIN{isolation}{' READ ONLY' if connection.read_only else ''}".encode()


def _execute(connection: VaultConnection, statement: bytes) -> bytes | None:
    """Run statements in one message; return the first value of the last one."""
    result = connection.pgconn.exec_(statement)
    if result.status == ExecStatus.TUPLES_OK:
        return result.get_value(0, 0)
    if result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result)
    return None
