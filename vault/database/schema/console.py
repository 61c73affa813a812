"""Sessions of people in the console, and the addresses that start one without a key being typed."""

from sqlalchemy import JSON, Column, Index, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("id", String, primary_key=True),
    # Of the secret in the cookie.
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    # NULL for an operator, whose session is for every account.
    Column("account_id", String),
    # The API key that signed in, with whose revocation the session ends; or the person who did.
    Column("key_id", String),
    Column("person_id", String),
    # The session at the sign-in provider, which ends this one.
    Column("sid", String),
    # Of a person, from the roles; a key's scopes are read from the key.
    Column("scopes", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_console_sessions_account", "account_id", "created_at"),
    Index("ix_console_sessions_ends_at", "ends_at"),
    Index(
        "ix_console_sessions_person",
        "person_id",
        sqlite_where=text("person_id IS NOT NULL"),
        postgresql_where=text("person_id IS NOT NULL"),
    ),
)

console_invitations = Table(
    "console_invitations",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("key_id", String, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
