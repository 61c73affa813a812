"""A connection to PostgreSQL: what the vault asks of it, and which server's history it speaks to.

What durability rests on is read in one statement when a connection is made, never later: a setting of
the server or of the role can undo what an answer of the vault has promised, and nothing else would say so.
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

from vault.database.sql.postgresql_url import connection_parameters
from vault.errors import DatabaseUnfit
from vault.structured_log import Log

_LOG = Log(__name__)
_TIMEOUT = "5s"
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
_CONNECT = {
    # For each host of a list.
    "connect_timeout": 2,
    "application_name": "callvault",
    # A server that vanished from the network is noticed within seconds, not hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: ``synchronous_commit`` is set for the session in any case, so that a reload of the server's settings does not
#: change it later. The WITH keeps what it was.
_STATE = """
WITH was AS MATERIALIZED (SELECT current_setting('synchronous_commit') AS value)
SELECT was.value,
       set_config('synchronous_commit', CASE WHEN was.value IN ('off', 'local') THEN 'on' ELSE was.value END, false),
       current_setting('fsync'), current_setting('full_page_writes'), current_setting('lock_timeout'),
       current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
       current_setting('default_transaction_read_only'), pg_is_in_recovery(), pg_backend_pid(),
       pg_postmaster_start_time(), {system_identifier}, {timeline}
FROM was
"""
_SYSTEM_IDENTIFIER = "(SELECT system_identifier FROM pg_control_system())"
#: Right from the moment of the promotion. ``pg_control_checkpoint`` names the old one until the next checkpoint.
_TIMELINE = (
    "CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
#: Some managed services know no WAL files, or forbid these functions.
_NOT_THERE = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
)
_serials = itertools.count(1)
_warned: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which history a connection speaks to. A server that was promoted, restored or restarted has another one."""

    #: None where the service does not say.
    system_identifier: int | None
    #: Hexadecimal; None in recovery, and where the service does not say.
    timeline: str | None
    started_at: datetime


class VaultConnection(psycopg.Connection[Any]):
    """A connection that knows its server's identity, and whether a commit's outcome is unknown."""

    identity: Identity
    #: Larger for a connection that was made later.
    serial: int = 0
    #: When it was made, on time.monotonic().
    born: float = 0.0
    #: It was used before and given back.
    rested: bool = False
    #: A commit returned without having waited for the synchronous standby.
    commit_is_unknown: bool = False

    def answers(self, seconds: float) -> bool:
        """Say whether the server answers an empty query in time. If not, the connection is of no more use."""
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

    def cut(self) -> None:
        """End whatever a thread waits for on this connection, from another thread: it hears that it broke."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as same:
            same.shutdown(socket.SHUT_RDWR)

    def on_notice(self, notice: Diagnostic) -> None:
        """Remember a commit that was told not to wait for the standby any longer: it may be lost with this server.

        The name of the server's function is in no language; the message may be translated.
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
    """Connect, and look at what the vault rests on.

    With ``timeouts`` every wait for a lock or statement, and every idle transaction, ends after 5 s. ``opened`` is
    called before the first statement; ``more`` goes to the driver. Raises StartRefused for a URL that cannot be
    read, DatabaseUnfit for a server or pooler that must not be used as it is, psycopg.OperationalError.
    """
    parameters: dict[str, Any] = {**connection_parameters(url), **_CONNECT, **more}
    if timeouts:
        ours = " ".join(f"-c {name}={_TIMEOUT}" for name in _TIMEOUTS)
        parameters["options"] = f"{parameters.get('options', '')} {ours}".strip()
    try:
        connection = VaultConnection.connect(autocommit=True, **parameters)
    except psycopg.OperationalError as error:
        raise _explained(error) from error
    try:
        opened(connection)
        connection.born = time.monotonic()
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
    """Read the state and refuse what cannot be lived with. Raises DatabaseUnfit."""
    (
        synchronous_commit, _, fsync, full_page_writes, lock, statement, idle, read_only, in_recovery, process,
        started_at, system_identifier, timeline,
    ) = _state(connection)  # fmt: skip
    if process != connection.info.backend_pid or (timeouts and {lock, statement, idle} != {_TIMEOUT}):
        raise DatabaseUnfit.behind_pooler()
    if in_recovery:
        raise DatabaseUnfit.standby()
    if read_only == "on":
        raise DatabaseUnfit.read_only()
    if fsync == "off":
        raise DatabaseUnfit.without_fsync()
    if synchronous_commit in {"off", "local"} and _first("synchronous_commit"):
        _LOG.warning("database.synchronous_commit_was_off", reason=f"it is {synchronous_commit}")
    if full_page_writes == "off" and _first("full_page_writes"):
        _LOG.warning("database.full_page_writes_off", reason="full_page_writes is off")
    if timeline is None and _first("timeline"):
        _LOG.warning("database.timeline_unknown", reason="the service does not say its timeline")
    connection.identity = Identity(
        system_identifier=system_identifier, timeline=timeline, started_at=started_at
    )
    connection.serial = next(_serials)


def _state(connection: VaultConnection) -> tuple[Any, ...]:
    for system_identifier, timeline in ((_SYSTEM_IDENTIFIER, _TIMELINE), ("NULL", "NULL")):
        statement = _STATE.format(system_identifier=system_identifier, timeline=timeline)
        with suppress(*_NOT_THERE):
            row = connection.execute(statement.encode(), prepare=False).fetchone()
            assert row is not None  # noqa: S101 - a SELECT from one row
            return tuple(row)
    raise psycopg.OperationalError("The server does not say how it is set up.")


def _first(setting: str) -> bool:
    """Say whether a setting was not warned of yet: once in the life of a process, not with every connection."""
    first = setting not in _warned
    _warned.add(setting)
    return first
