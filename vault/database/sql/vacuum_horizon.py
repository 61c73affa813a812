"""What keeps PostgreSQL from removing old versions of rows: the holders of its oldest snapshots.

Each claim of a queue leaves an old version of a row. While somebody holds a snapshot from before, vacuum must keep it,
and every claim reads over all that are kept. The holders are sessions, prepared transactions, replication slots, and
standbys with ``hot_standby_feedback``; sessions of other databases hold nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

HolderKind = Literal["session", "idle_transaction", "prepared_transaction", "slot", "standby"]
#: In the order of ``HOLDERS``; the label ``holder`` of the metrics.
HOLDER_KINDS: Final[Sequence[HolderKind]] = (
    "session", "idle_transaction", "prepared_transaction", "slot", "standby",
)  # fmt: skip
#: A role without ``pg_read_all_stats`` sees only its own sessions. ``inactive_since`` exists from PostgreSQL 17 on, so
#: it is read by name. The sender of WAL to a standby with a slot has its snapshot in the slot.
HOLDERS: Final = """
SELECT CASE WHEN state LIKE 'idle in transaction%' THEN 'idle_transaction' ELSE 'session' END AS kind,
       pid::text AS name, coalesce(application_name, '') AS program, coalesce(usename, '') AS role,
       greatest(age(backend_xmin), age(backend_xid)) AS transactions,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds, NULL::bigint AS wal
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
   AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
UNION ALL
SELECT 'prepared_transaction', gid, '', owner, age(transaction),
       extract(epoch FROM clock_timestamp() - prepared)::float8, NULL
  FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT 'slot', slot_name, slot_type, CASE WHEN active THEN 'active' ELSE '' END, greatest(age(xmin), age(catalog_xmin)),
       extract(epoch FROM clock_timestamp() - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END
  FROM pg_replication_slots s WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL OR NOT active
UNION ALL
SELECT 'standby', coalesce(nullif(application_name, ''), pid::text), '', coalesce(usename, ''), age(backend_xmin),
       NULL, NULL
  FROM pg_stat_replication WHERE backend_xmin IS NOT NULL
 ORDER BY transactions DESC NULLS LAST
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds an old snapshot, or the WAL since one."""

    kind: HolderKind
    #: The process id of a session, the global id of a prepared transaction, or the name of a slot or standby.
    name: str
    #: What a session calls itself, such as ``pg_dump``; of a slot ``physical`` or ``logical``.
    program: str
    #: The role of a session, transaction or standby; of a slot whether it is in use now: ``active`` or nothing.
    role: str
    #: How many transactions began since the snapshot; None: it holds none.
    transactions: int | None
    #: None where PostgreSQL does not know since when.
    held_for: timedelta | None
    #: Bytes of WAL that a slot keeps.
    wal: int | None

    @property
    def is_in_use(self) -> bool:
        """Return whether a slot has its receiver now."""
        return self.kind == "slot" and self.role == "active"


def holder_from(row: Sequence[Any]) -> Holder:
    """Return the holder of a row of ``HOLDERS``."""
    kind, name, program, role, transactions, seconds, wal = row
    return Holder(
        kind=kind,
        name=name,
        program=program,
        role=role,
        transactions=transactions,
        held_for=None if seconds is None else timedelta(seconds=max(0.0, seconds)),
        wal=wal,
    )
