"""The facts of calls, and their search index: keyed hashes of the facts, also for calls without recordings.

Also when calls changed, the metadata of calls and recordings with their search index, and what was answered to the
webhooks of connections, without anything of the calls.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from vault.database.schema.core import Moment, metadata

call_facts = Table(
    "call_facts",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("call_ref", String, nullable=False),
    Column("delivery", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("sealed_facts", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    # The month key that sealed the facts; NULL where the account key itself did.
    Column("month_key", String),
    UniqueConstraint("account_id", "delivery"),
    Index("ix_call_facts_call", "account_id", "call_ref"),
    Index(
        "ix_call_facts_ended",
        "account_id",
        "ended_at",
        "call_ref",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
)

call_terms = Table(
    "call_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("call_ref", String, primary_key=True),
    Index("ix_call_terms_call", "account_id", "call_ref"),
)

# When each call changed last: a row stays when its call is erased, so that who keeps a copy learns of it.
call_changes = Table(
    "call_changes",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("call_ref", String, primary_key=True),
    # Grows with each change of the account; 0: before changes were noted. Several calls may have the same.
    Column("changed", BigInteger, nullable=False),
    Column("erased", Boolean, nullable=False),
    Index("ix_call_changes_changed", "account_id", "changed", "call_ref"),
)

# One row, for PostgreSQL: what is added to the number of a transaction, which another server counts from the start.
call_change_base = Table(
    "call_change_base",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("base", BigInteger, nullable=False),
    # The server and the history of which it is.
    Column("history", String),
)

call_metadata = Table(
    "call_metadata",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("call_ref", String, primary_key=True),
    # Empty for the metadata of the call itself: NULL could not be a part of the key.
    Column("recording_id", String, primary_key=True),
    # Under a detail key, as other typed words.
    Column("sealed", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

call_metadata_terms = Table(
    "call_metadata_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("call_ref", String, primary_key=True),
    Column("recording_id", String, primary_key=True),
    Index("ix_call_metadata_terms_call", "account_id", "call_ref", "recording_id"),
)

connection_deliveries = Table(
    "connection_deliveries",
    metadata,
    Column("connection_id", String, primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("event", String),
    Column("status", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String),
    Column("detail", String),
    Column("recording_id", String),
    Column("requests", Integer, nullable=False),
    Index("ix_connection_deliveries_outcome", "connection_id", "outcome", "at", "id"),
    Index("ix_connection_deliveries_at", "at"),
    Index(
        "ix_connection_deliveries_recording",
        "recording_id",
        sqlite_where=text("recording_id IS NOT NULL"),
        postgresql_where=text("recording_id IS NOT NULL"),
    ),
)

# What is wrong with a connection and was told; a row goes when it is right again, and with its connection.
connection_alerts = Table(
    "connection_alerts",
    metadata,
    Column("connection_id", String, primary_key=True),
    # A code: silent, unauthorized.
    Column("kind", String, primary_key=True),
    Column("since", Moment, nullable=False),
)
