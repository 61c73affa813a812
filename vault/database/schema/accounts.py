"""API keys, stored answers to requests with an Idempotency-Key, and the limits that admins have set for accounts."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table

from vault.database.schema.core import Moment, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("account_id", String),
    Column("scopes", JSON, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    # The key, or ``operator``, that issued it; NULL in rows of earlier releases.
    Column("created_by", String),
)

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("idempotency_key", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("kept_at", Moment, nullable=False),
    # What the answer shows, with which it is erased; NULL in rows of earlier releases.
    Column("account_id", String),
    Column("recording_id", String, index=True),
    Column("call_ref", String),
    Index(None, "account_id", "call_ref"),
)

account_limits = Table(
    "account_limits",
    metadata,
    Column("account_id", String, primary_key=True),
    # NULL: the operator's default.
    Column("requests_per_second", BigInteger),
    Column("bytes_in_flight", BigInteger),
    Column("queue", BigInteger),
)
