"""What a company's directory tells by SCIM: its setting in an account, tokens, users, groups and their members."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from vault.database.schema.core import Moment, metadata

provisioning = Table(
    "provisioning",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("connection_id", String, nullable=False),
    Column("roles_from", String, nullable=False),
    Column("revokes_links", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
)

# Not in the account's object: access to the bucket must not give access to the vault.
provisioning_tokens = Table(
    "provisioning_tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Index("ix_provisioning_tokens_account", "account_id", "created_at"),
)

provisioned_users = Table(
    "provisioned_users",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("revision", Integer, nullable=False),
    # Keyed hashes: names are not stored in clear.
    Column("name_hash", LargeBinary),
    Column("external_hash", LargeBinary),
    Column("identity", String),
    Column("is_active", Boolean, nullable=False),
    # NULL of one of whom only the end is known.
    Column("sealed_resource", Text),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("ix_provisioned_users_name", "account_id", "name_hash", unique=True),
    Index("ix_provisioned_users_external", "account_id", "external_hash", unique=True),
    Index("ix_provisioned_users_identity", "account_id", "identity"),
)

provisioned_groups = Table(
    "provisioned_groups",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("name_hash", LargeBinary, nullable=False),
    Column("external_hash", LargeBinary),
    Column("sealed_resource", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("ix_provisioned_groups_name", "account_id", "name_hash", unique=True),
    Index("ix_provisioned_groups_external", "account_id", "external_hash", unique=True),
)

provisioned_members = Table(
    "provisioned_members",
    metadata,
    Column("group_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Index("ix_provisioned_members_user", "account_id", "user_id"),
)
