"""The health of the queues on a PostgreSQL server: who holds old snapshots, and how many old row versions there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from vault.database.engines.server_state import connect_to_primary
from vault.database.sql.vacuum_horizon import HOLDERS, Holder, holder_from
from vault.errors import Unavailable

_SERVER: Final = """
SELECT current_setting('server_version'), current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       current_setting('autovacuum')::bool
"""
_TABLES: Final = """
SELECT s.relname, n_live_tup, n_dead_tup, last_autovacuum,
       coalesce('autovacuum_enabled=false' = ANY (c.reloptions), false)
  FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
 WHERE s.schemaname = current_schema() ORDER BY n_dead_tup DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableHealth:
    """The rows of a table, as PostgreSQL's statistics count them."""

    name: str
    live: int
    #: Old versions of rows that vacuum has not removed.
    dead: int
    vacuumed_at: datetime | None
    is_vacuumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """What slows the queues of a server down."""

    version: str
    role: str
    #: Whether the role may see the sessions of others. Without it they are missing from ``holders``.
    may_read_sessions: bool
    has_autovacuum: bool
    #: The oldest first.
    holders: Sequence[Holder]
    #: Those with the most dead rows first.
    tables: Sequence[TableHealth]


def read_server_health(url: str) -> ServerHealth:
    """Query the primary among the URL's hosts. Raises Unavailable if there is none."""
    try:
        with connect_to_primary(url) as connection:
            server = connection.execute(_SERVER).fetchone()
            holders = connection.execute(HOLDERS).fetchall()
            tables = connection.execute(_TABLES).fetchall()
    except psycopg.OperationalError as error:
        raise Unavailable(
            "No host in VAULT_DATABASE_URL answers as a primary that accepts writes.", cause="database"
        ) from error
    assert server is not None  # noqa: S101 - a SELECT without FROM has one row
    version, role, may_read, has_autovacuum = server
    return ServerHealth(
        version=version,
        role=role,
        may_read_sessions=may_read,
        has_autovacuum=has_autovacuum,
        holders=[holder_from(row) for row in holders],
        tables=[
            TableHealth(name=name, live=live, dead=dead, vacuumed_at=at, is_vacuumed=not off)
            for name, live, dead, at, off in tables
        ],
    )
