"""A connection to PostgreSQL: the settings that the vault requires, and the server's identity.

One statement reads the settings that durability depends on when a connection is opened, never later: a
setting of the server or of the role can silently break the durability that the vault's responses promise.
"""

import itertools
import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.errors import Diagnostic
from psycopg.pq.abc import PGconn

from vault.database.sql.postgresql_url import connection_parameters
from vault.errors import DatabaseUnfit
from vault.structured_log import Log

_LOG = Log(__name__)
_NO_SCHEMA = (
    "The database has no schema. In the place of a lost database run `callvault restore`, for a new vault "
    "`callvault migrate`."
)
_TIMEOUT = "5s"
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
#: A statement after a lock must see what was committed before the lock was granted, whatever the role's default is.
_ISOLATION = r"-c default_transaction_isolation=read\ committed"
#: Parameters of every connection.
CONNECT = {
    # Seconds, for each host of a list.
    "connect_timeout": 2,
    "application_name": "callvault",
    # A server that disappears from the network is detected within seconds, not hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: ``synchronous_commit`` is always set for the session, so that a reload of the server's settings does not
#: change it later. The WITH keeps the previous value.
_STATE = """
WITH was AS MATERIALIZED (SELECT current_setting('synchronous_commit') AS value)
SELECT was.value,
       set_config('synchronous_commit', CASE WHEN was.value IN ('off', 'local') THEN 'on' ELSE was.value END, false),
       current_setting('fsync'), current_setting('full_page_writes'), current_setting('lock_timeout'),
       current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
       current_setting('default_transaction_read_only'), pg_is_in_recovery(), pg_backend_pid(),
       pg_postmaster_start_time(), {system_identifier}, {timeline},
       (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), to_regclass('tree_head')::oid::bigint
FROM was
"""
_SYSTEM_IDENTIFIER = "(SELECT system_identifier FROM pg_control_system())"
#: Correct immediately after a promotion; ``pg_control_checkpoint`` returns the old timeline until a checkpoint.
_TIMELINE = (
    "CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
#: Some managed services have no WAL files, or forbid these functions.
_NOT_SUPPORTED = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
)
_serials = itertools.count(1)
_warned: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of a database's history.

    A server that was promoted, restored or restarted has another one, and so has another database on the same server,
    whatever its name and content, and the same database after its tables were made again.
    """

    #: None if the service does not report it.
    system_identifier: int | None
    #: Hexadecimal; None in recovery, and if the service does not report it.
    timeline: str | None
    started_at: datetime
    #: The numbers that the server gave the database and the table of the log's head; no copy has both.
    database: int
    #: None before the schema exists.
    log_table: int | None


class VaultConnection(psycopg.Connection[Any]):
    """A connection with its server's identity, and a mark for a commit whose outcome is unknown."""

    identity: Identity
    #: Larger for a connection that was opened later.
    serial: int = 0
    #: When it was opened, on time.monotonic().
    born: float = 0.0
    #: When the server answered last, on time.monotonic().
    answered_at: float = 0.0
    #: Whether a commit returned without waiting for the synchronous standby.
    commit_is_unknown: bool = False
    #: When it was last confirmed that its database is the one that was checked, on time.monotonic().
    confirmed_at: float = float("-inf")
    #: Whether the session has the statement for that (``history_guard``).
    has_guard: bool = False

    def answers(self, seconds: float) -> bool:
        """Return whether the server answers an empty query in time. If not, the connection must be closed."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        try:
            self.pgconn.send_query(b"")
            poll.register(self.pgconn.socket, select.POLLIN)
            while True:
                self.pgconn.flush()
                if not self.pgconn.is_busy():
                    if self.pgconn.get_result() is None:
                        return True
                    continue
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    return False
                self.pgconn.consume_input()
        except psycopg.Error:
            return False

    def has_input(self) -> bool:
        """Return whether the server has sent something to an idle connection, such as its end."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))

    def cut(self) -> None:
        """Shut down the socket from another thread, so that a thread that waits on it gets an error."""
        cut(self.pgconn)

    def on_notice(self, notice: Diagnostic) -> None:
        """Mark a commit whose wait for the standby was cancelled: it may be lost if this server is lost.

        The server's function name is checked first, because the message may be translated.
        """
        if notice.source_function == "SyncRepWaitForLSN" or "synchronous replication" in (
            notice.message_primary or ""
        ):
            self.commit_is_unknown = True


def connect(
    url: str,
    *,
    timeouts: bool = True,
    opened: Callable[["VaultConnection"], None] = lambda _: None,
    **more: Any,
) -> VaultConnection:
    """Connect, and check the settings that the vault depends on.

    With ``timeouts`` every wait for a lock or statement, and every idle transaction, ends after 5 s. ``opened`` is
    called before the first statement; ``more`` is passed to the driver. Raises StartRefused for a URL that cannot
    be parsed, DatabaseUnfit for a server or pooler with unsuitable settings, psycopg.OperationalError.
    """
    parameters: dict[str, Any] = {**connection_parameters(url), **CONNECT, **more}
    if timeouts:
        ours = " ".join(f"-c {name}={_TIMEOUT}" for name in _TIMEOUTS)
        parameters["options"] = f"{parameters.get('options', '')} {ours} {_ISOLATION}".strip()
    try:
        connection = VaultConnection.connect(autocommit=True, **parameters)
    except psycopg.OperationalError as error:
        raise _explained(error) from error
    try:
        opened(connection)
        connection.born = connection.answered_at = time.monotonic()
        connection.add_notice_handler(connection.on_notice)
        _inspect(connection, timeouts=timeouts)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _explained(error: psycopg.OperationalError) -> Exception:
    text = str(error)
    if "unsupported startup parameter" in text:
        return DatabaseUnfit.behind_pooler()
    if "session is read-only" in text or "server is in hot standby mode" in text:
        return DatabaseUnfit.standby()
    return error


def _inspect(connection: VaultConnection, *, timeouts: bool) -> None:
    """Read the server's settings and state. Raises DatabaseUnfit if the vault cannot work with them."""
    (
        synchronous_commit, _, fsync, full_page_writes, lock, statement, idle, read_only, in_recovery, process,
        started_at, system_identifier, timeline, database, log_table,
    ) = _state(connection)  # fmt: skip
    if process != connection.info.backend_pid or (timeouts and {lock, statement, idle} != {_TIMEOUT}):
        raise DatabaseUnfit.behind_pooler()
    if in_recovery:
        raise DatabaseUnfit.standby()
    if read_only == "on":
        raise DatabaseUnfit.read_only()
    if fsync == "off":
        raise DatabaseUnfit.without_fsync()
    if timeouts and log_table is None:
        raise DatabaseUnfit("schema", _NO_SCHEMA)
    if synchronous_commit in {"off", "local"} and _first("synchronous_commit"):
        _LOG.warning("database.synchronous_commit_was_off", reason=f"it is {synchronous_commit}")
    if full_page_writes == "off" and _first("full_page_writes"):
        _LOG.warning("database.full_page_writes_off", reason="full_page_writes is off")
    if timeline is None and _first("timeline"):
        _LOG.warning("database.timeline_unknown", reason="the service does not say its timeline")
    connection.identity = Identity(
        system_identifier=system_identifier,
        timeline=timeline,
        started_at=started_at,
        database=database,
        log_table=log_table,
    )
    connection.serial = next(_serials)


def _state(connection: VaultConnection) -> tuple[Any, ...]:
    for system_identifier, timeline in ((_SYSTEM_IDENTIFIER, _TIMELINE), ("NULL", "NULL")):
        statement = _STATE.format(system_identifier=system_identifier, timeline=timeline)
        with suppress(*_NOT_SUPPORTED):
            row = connection.execute(statement.encode(), prepare=False).fetchone()
            assert row is not None  # noqa: S101 - a SELECT from one row
            return tuple(row)
    raise psycopg.OperationalError("The server does not report its settings.")


def cut(pgconn: PGconn) -> None:
    """Shut down the socket of a connection, so that a thread or task that waits on it gets an error, and closes it.

    Closed from elsewhere, psycopg would go on with freed memory.
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(pgconn.socket)) as same:
        same.shutdown(socket.SHUT_RDWR)


def _first(setting: str) -> bool:
    """Return True once per setting and process, so that a warning is not repeated for every connection."""
    first = setting not in _warned
    _warned.add(setting)
    return first
