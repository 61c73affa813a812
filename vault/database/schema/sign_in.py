"""Sign-in connections and their roles, people, passkeys and invitations, and attempts to sign in."""

from sqlalchemy import (
    JSON,
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
)

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
    # The names of the claims of the last sign-in, without their values.
    Column("sealed_claims", Text),
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
    # Of those who were invited and sign in by passkeys. ``connection_id`` is NULL, and their roles are in
    # ``sign_in_roles`` under the person's id.
    Column("user_handle", LargeBinary),
    Column("sealed_terms", Text),
    Column("invited_at", Moment),
    Column("revision", Integer),
    # Everybody who ever gave a role to the person, or an address to make a passkey.
    Column("makers", Names),
    Index("ix_people_page", "account_id", "first_at", "id"),
    Index("ix_people_identity", "account_id", "identity"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    # The id of a credential is too long for an index.
    Column("credential_hash", LargeBinary, nullable=False, unique=True),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("is_backed_up", Boolean, nullable=False),
    Column("sealed_name", Text),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Index("ix_passkeys_person", "account_id", "person_id"),
)

member_invitations = Table(
    "member_invitations",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    # Later than the creation where the person has passkeys: time to notice and revoke it.
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    # When it was used or revoked.
    Column("ended_at", Moment),
    # Who asked for it and has not seen it, where a second person approved it. Until then nobody knows the secret.
    Column("waits_for", String),
    Index("ix_member_invitations_person", "account_id", "person_id"),
)

# Whether weighty acts of people need a fresh verification.
step_ups = Table(
    "step_ups",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("required", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
)

# Also the logout tokens and the challenges of passkeys that were used, so that none is used twice.
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
