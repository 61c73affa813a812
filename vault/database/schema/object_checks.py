"""The table of recordings whose objects must be compared with their row, because an object may be left over."""

from sqlalchemy import Column, String, Table

from vault.database.schema.core import Moment, metadata

object_checks = Table(
    "object_checks",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # When an attempt ended in an unknown way, or the keys were deleted, last.
    Column("noted_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False, index=True),
)
