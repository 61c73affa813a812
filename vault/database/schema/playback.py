"""The tables of customers' keys that sign links, of cuts, and of notes on recordings.

Keys and cuts hold no secret and no personal data; notes are sealed.
"""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, LargeBinary, String, Table, false, text

from vault.database.schema.core import Moment, metadata

_ACTIVE = text("deleted_at IS NULL")
link_keys = Table(
    "link_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("algorithm", String, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("max_life", Integer, nullable=False),
    Column("max_sessions", Integer, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("download", Boolean, nullable=False),
    Column("not_after", Moment),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    # A deleted key keeps its row: an object of the account from before the deletion must not bring the key back.
    Column("deleted_at", Moment),
    Index(
        "ix_link_keys_name",
        "account_id",
        "name",
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    ),
    Index("ix_link_keys_account", "account_id", "id"),
)

link_cuts = Table(
    "link_cuts",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("target", String, nullable=False),
    # An id, a ``jti``, or the keyed hash of a listener.
    Column("value", String, nullable=False),
    Column("minted_before", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    # The listener, sealed under a detail key (services/shared/account_data_keys.py).
    Column("sealed_listener", String),
    Index("ix_link_cuts_account", "account_id", "minted_before"),
)

recording_notes = Table(
    "recording_notes",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    # The person or the API key.
    Column("author", String, nullable=False),
    # Whether it may be handed over to a CRM; the sealed content says so too, and counts.
    Column("for_crm", Boolean, nullable=False, server_default=false()),
    # Moment and text, under the recording key: they cannot be read without it.
    Column("sealed_note", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("ix_recording_notes_author", "recording_id", "author"),
)

# How many recordings somebody got within an hour, where an account is told what is unusual; kept for 28 days.
access_hours = Table(
    "access_hours",
    metadata,
    Column("account_id", String, primary_key=True),
    # The id of an API key, or the keyed hash of a listener.
    Column("subject", String, primary_key=True),
    # Hours since 1970 in UTC.
    Column("hour", Integer, primary_key=True),
    Column("recordings", Integer, nullable=False),
    Column("told", Boolean, nullable=False),
    Index("ix_access_hours_hour", "hour"),
)
