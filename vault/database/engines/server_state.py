"""The state of a PostgreSQL server and its standbys, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from vault.errors import Unavailable

_SERVER = """
SELECT coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'the local socket'),
       pg_postmaster_start_time(), current_setting('synchronous_commit'), current_setting('fsync'),
       current_setting('full_page_writes'), current_setting('synchronous_standby_names'),
       current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
#: Correct immediately after a promotion; ``pg_control_checkpoint`` returns the old timeline until a checkpoint.
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_STANDBYS = """
SELECT application_name, state, sync_state, pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)
FROM pg_stat_replication ORDER BY 1
"""
_CONNECT_TIMEOUT_SECONDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """A standby that receives WAL from the server. Fields are None if the role may not read them."""

    name: str
    state: str | None
    #: ``sync``, ``quorum``, ``potential`` or ``async``.
    sync_state: str | None
    #: Bytes of WAL that it has not flushed to disk yet.
    behind: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """The state of the primary."""

    address: str
    started_at: datetime
    #: Hexadecimal; None if the service does not report it.
    timeline: str | None
    synchronous_commit: str
    fsync: str
    full_page_writes: str
    synchronous_standby_names: str
    role: str
    #: Whether the role may read the state of standbys. Without it, their fields are None.
    may_read_standbys: bool
    standbys: Sequence[Standby]

    @property
    def identity(self) -> tuple[str, datetime, str | None]:
        """Return values of which at least one changes at a failover, however the service performs it."""
        return self.address, self.started_at, self.timeline


def connect_to_primary(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to the primary among the URL's hosts. Raises psycopg.OperationalError if there is none."""
    return psycopg.connect(
        url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_SECONDS, target_session_attrs="read-write"
    )


def read_server_state(url: str) -> ServerState:
    """Query the primary among the URL's hosts. Raises Unavailable if there is none."""
    try:
        with connect_to_primary(url) as connection:
            server = connection.execute(_SERVER).fetchone()
            standbys = connection.execute(_STANDBYS).fetchall()
            timeline = _timeline(connection)
    except psycopg.Error as error:
        raise Unavailable(
            "No host in VAULT_DATABASE_URL answers as a primary that accepts writes.", cause="database"
        ) from error
    assert server is not None  # noqa: S101 - a SELECT without FROM has one row
    address, started_at, synchronous_commit, fsync, full_page_writes, names, role, may_read = server
    return ServerState(
        address=address,
        started_at=started_at,
        timeline=timeline,
        synchronous_commit=synchronous_commit,
        fsync=fsync,
        full_page_writes=full_page_writes,
        synchronous_standby_names=names,
        role=role,
        may_read_standbys=may_read,
        standbys=[
            Standby(name=name, state=state, sync_state=sync, behind=None if behind is None else int(behind))
            for name, state, sync, behind in standbys
        ],
    )


def _timeline(connection: "psycopg.Connection[tuple[object, ...]]") -> str | None:
    try:
        row = connection.execute(_TIMELINE).fetchone()
    except psycopg.Error:
        return None  # Some managed services forbid it.
    return None if row is None else str(row[0])
