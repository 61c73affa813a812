"""The objects of recordings: indexes by their locks, and those to compare with their row.

The queries repeat the conditions of indexes literally: SQLite uses a partial index only for the very same words.
"""

from sqlalchemy import Column, Index, String, Table, text

from vault.database.schema.core import Moment, metadata, recordings

LOCK_IS_DUE = "lock_state IN ('wanted', 'unknown')"
HAS_LEGAL_HOLD = "object_hold = 1"
#: An erased recording of which the object store keeps something.
IS_LOCKED_REMAINDER = "state = 'erased' AND object_locked_until IS NOT NULL"

_R = recordings.c
for _name, _condition, _columns in (
    ("lock_due", LOCK_IS_DUE, (_R.id,)),
    ("object_hold", HAS_LEGAL_HOLD, (_R.account_id, _R.id)),
    ("locked_remainder", IS_LOCKED_REMAINDER, (_R.object_locked_until, _R.id)),
):
    Index(
        f"ix_recordings_{_name}",
        *_columns,
        sqlite_where=text(_condition),
        postgresql_where=text(_condition),
    )

# Recordings of which an object may be left over.
object_checks = Table(
    "object_checks",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # When an attempt ended in an unknown way, or the keys were deleted, last.
    Column("noted_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False, index=True),
)
