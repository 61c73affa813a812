"""The tables of events for other systems: endpoints, who asks, an account's sequence, and how far the log was read."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from vault.database.schema.core import Moment, metadata

event_endpoints = Table(
    "event_endpoints",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("types", JSON(none_as_null=True), nullable=False),
    # URL, description and secrets, sealed as words of the account.
    Column("sealed", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("grace_until", Moment),
    # Whether its events go in their order; NULL: no.
    Column("ordered", Boolean),
    # Where the log was when it was made; NULL: a restore has brought it, and it begins with the next reading.
    Column("from_index", BigInteger),
    # Who signs what anybody can verify, and who did, as in the account's object.
    Column("public_keys", JSON(none_as_null=True)),
    Index("ix_event_endpoints_account", "account_id"),
)

# The number of each account's last event.
event_sequences = Table(
    "event_sequences",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# One row: the number of log entries whose events are in the outbox.
events_published = Table(
    "events_published",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("through", BigInteger, nullable=False),
)

# Accounts whose systems ask for events, since where in the log, and when they asked last, to the day.
event_polls = Table(
    "event_polls",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("from_index", BigInteger, nullable=False),
    Column("polled_at", Moment, nullable=False),
)

# Events of the last 30 days by their number, with ids and codes alone.
outward_events = Table(
    "outward_events",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("recording_id", String),
    Column("content", Text, nullable=False),
    Index("ix_outward_events_at", "at"),
    Index("ix_outward_events_id", "account_id", "id"),
)
