"""Sign-in connections, the roles that they give, the people who signed in, and attempts to sign in."""

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from vault.database.schema.core import Moment, metadata
from vault.database.schema.names import Names

sign_in_connections = Table(
    "sign_in_connections",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("revision", Integer, nullable=False),
    # Everything that an administrator entered, with the client's secret.
    Column("sealed_settings", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    # Everybody who ever gave a role by it, or named its provider.
    Column("makers", Names),
    UniqueConstraint("account_id", "name"),
)

# A mapping whose row is gone gives nothing, whatever the sealed settings say.
sign_in_roles = Table(
    "sign_in_roles",
    metadata,
    Column("id", String, primary_key=True),
    Column("connection_id", String, nullable=False, index=True),
    Column("account_id", String, nullable=False, index=True),
    Column("role", String, nullable=False),
    # Keyed hashes of the agents to whose recordings the role is limited; NULL for all.
    Column("agents", JSON),
)

people = Table(
    "people",
    metadata,
    # A keyed hash of connection, issuer and subject.
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("connection_id", String),
    Column("sealed_profile", Text),
    Column("role_ids", JSON, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("removed_at", Moment),
    # A keyed hash of issuer and subject, the same in every connection; NULL until the next sign-in after an upgrade.
    Column("identity", String),
    Index("ix_people_page", "account_id", "first_at", "id"),
    Index("ix_people_identity", "account_id", "identity"),
)

# Also the logout tokens that were taken, so that none is taken twice.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    # Of the state, or of a logout token's id with its connection.
    Column("digest", LargeBinary, primary_key=True),
    Column("connection_id", String, nullable=False),
    # Of the secret in the browser's cookie; NULL for a logout token.
    Column("secret_hash", LargeBinary),
    Column("return_path", String),
    Column("ends_at", Moment, nullable=False, index=True),
)
