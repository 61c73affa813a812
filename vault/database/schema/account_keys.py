"""The tables of account keys and their rotation, and the indexes for rows sealed under an old version.

Destroying a version counts, under the account's exclusive lock, the rows still sealed under it. So in tables
with many rows per account, the key version column has an index.
"""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from vault.database.schema.calls import call_facts
from vault.database.schema.consent import consent_events, objections
from vault.database.schema.core import Moment, links, metadata, recordings

account_keys = Table(
    "account_keys",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)

# Keys of the details of access events. Leaves commit to the sealed bytes, so details are never re-encrypted.
detail_keys = Table(
    "detail_keys",
    metadata,
    Column("account_id", String, primary_key=True),
    # The version of the account's key when it was created; ``key_version`` is the version that wraps it now.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    # Set with the first metadata under it, for which the account's object must have it; NULL before.
    Column("seals_metadata", Boolean),
)

# Keys of one month, which wrap recording keys and seal call facts and announcements (domain/accounts/account_keys.py).
month_keys = Table(
    "month_keys",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("id", String, primary_key=True),
    # The version of the account's key when it was created; ``key_version`` is the version that wraps it now.
    Column("number", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
)

# One row for each version of an account's key that is being replaced, or destroyed.
key_rotations = Table(
    "key_rotations",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("begun_at", Moment, nullable=False),
    Column("begun_by", String, nullable=False),
    # Number of month keys that were wrapped again, and of recording keys that a month key wraps instead.
    Column("rewrapped", Integer, nullable=False),
    # When no row was sealed under the version any more; it is destroyed after transactions that read one end.
    Column("settled_at", Moment),
    Column("destroyed_at", Moment),
    Column("statement", LargeBinary),
    # Every node asks once a minute which versions other nodes have destroyed.
    Index("ix_key_rotations_destroyed", "destroyed_at"),
    Index(
        "ix_key_rotations_work",
        "begun_at",
        sqlite_where=text("destroyed_at IS NULL"),
        postgresql_where=text("destroyed_at IS NULL"),
    ),
)

# These indexes have only rows that the account key itself seals: a rotation does not look for the others.
_PRESENT = text("key_version IS NOT NULL AND month_key IS NULL")
Index(
    "ix_recordings_key_version",
    recordings.c.account_id,
    recordings.c.key_version,
    sqlite_where=_PRESENT,
    postgresql_where=_PRESENT,
)
_ANNOUNCED = text("sealed_announcement IS NOT NULL AND announcement_month_key IS NULL")
Index(
    "ix_recordings_announcement_key_version",
    recordings.c.account_id,
    recordings.c.announcement_key_version,
    sqlite_where=_ANNOUNCED,
    postgresql_where=_ANNOUNCED,
)
_WRITTEN = text("manifest_key_version IS NOT NULL")
Index(
    "ix_recordings_manifest_key_version",
    recordings.c.account_id,
    recordings.c.manifest_key_version,
    sqlite_where=_WRITTEN,
    postgresql_where=_WRITTEN,
)
_OLD_FACTS = text("month_key IS NULL")
Index(
    "ix_call_facts_key_version",
    call_facts.c.account_id,
    call_facts.c.key_version,
    sqlite_where=_OLD_FACTS,
    postgresql_where=_OLD_FACTS,
)
for _table in (consent_events, objections, links):
    Index(f"ix_{_table.name}_key_version", _table.c.account_id, _table.c.key_version)
