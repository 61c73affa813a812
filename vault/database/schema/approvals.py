"""The tables of approvals: acts that wait for a second person, and the rule of each account."""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

approvals = Table(
    "approvals",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False, index=True),
    # The act (vault/domain/approvals/rule.py).
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("decided_by", String),
    Column("decided_at", Moment),
    Column("state", String, nullable=False, server_default=text("'pending'")),
    Column("approve_by", Moment),
    Column("execute_by", Moment),
    Column("ended_at", Moment),
    # A code.
    Column("outcome", String),
    # Numbers by name; NULL: none.
    Column("effect", JSON(none_as_null=True)),
    # Of the ids of what the act is done to; NULL in rows of earlier releases.
    Column("effect_digest", String),
    # SHA-256 of what is approved, which has a random salt.
    Column("digest", String),
    Column("decided_digest", String),
    # Arguments, reason and salt, sealed as the words of a person.
    Column("sealed_text", String),
    # Keyed hash of act and arguments: the same question finds the one that waits.
    Column("term", LargeBinary),
    Index("ix_approvals_open", "state", "account_id", sqlite_where=text("state IN ('pending', 'approved')"),
          postgresql_where=text("state IN ('pending', 'approved')")),
)  # fmt: skip

approval_rules = Table(
    "approval_rules",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Names of acts.
    Column("verbs", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
)
