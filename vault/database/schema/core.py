"""The tables. Times are microseconds since 1970 in UTC, the same on SQLite and PostgreSQL.

No personal data is in clear: names, numbers and addresses are in ``sealed_*`` columns, keyed hashes in ``*_terms``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from vault.database.schema.names import Names
from vault.domain.recordings.recording import WORK

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Convert a datetime to the tables' microseconds."""
    return (moment - EPOCH) // MICROSECOND


def moment(value: int) -> datetime:
    """Convert the tables' microseconds to a datetime."""
    return EPOCH + timedelta(microseconds=value)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert a datetime to microseconds."""
        return None if value is None else micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert microseconds to a datetime."""
        return None if value is None else moment(int(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_OBJECT_DUE = text("revision <> written_revision")
accounts = Table(
    "accounts",
    metadata,
    Column("id", String, primary_key=True),
    Column("ref", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("locale", String, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("region", String),  # A trigger refuses another one than the first.
    Column("wrapped_index_key", LargeBinary, nullable=False),
    Column("index_key_version", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    # Counts changes to the content of the account's object; the object is due while the two differ.
    Column("revision", BigInteger, nullable=False),
    Column("written_revision", BigInteger, nullable=False),
    Index("ix_accounts_object_due", "id", sqlite_where=_OBJECT_DUE, postgresql_where=_OBJECT_DUE),
)

switch_changes = Table(
    "switch_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String, nullable=False, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", String),
)

connections = Table(
    "connections",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("sealed_credentials", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("api_base", String),
    Column("delete_at_source", Boolean, nullable=False),
    Column("delete_refused", Boolean, nullable=False),
    # Reconciliation does not ingest recordings made before this time.
    Column("collect_from", Moment, nullable=False),
    Column("next_url", String),  # Where the platform continues a call after the vault's notice.
    # Whether to pause a running recording if its call may not be recorded.
    Column("pause_refused", Boolean, nullable=False),
    Column("changed_by", String),  # NULL for one that an earlier release set.
    Column("makers", Names),
    # The time up to which the provider's own list was compared with the announcements.
    Column("reconciled_until", Moment, nullable=False),
    Column("reconcile_not_before", Moment, nullable=False, index=True),
    # For who sets it up (``ConnectionActivity``): codes, no texts; written once a minute at most.
    Column("last_webhook_at", Moment),
    Column("last_refusal_at", Moment),
    Column("last_refusal", String),
    Column("last_list_error_at", Moment),
    Column("last_list_error", String),
    UniqueConstraint("account_id", "name"),
)

#: Conditions of partial indexes, which queries repeat. Most rows are available, so the queue's are small.
IS_WORK = f"state IN ({', '.join(repr(str(state)) for state in WORK)})"
IS_NOT_AVAILABLE = "state <> 'available'"
IS_DATED = "act_at IS NOT NULL AND holds = 0"
IS_HELD = "holds > 0"
IS_UNTOLD = "act_at IS NOT NULL AND coalesce(due_told, 0) = 0"
IS_AVAILABLE = "state = 'available'"


def _partial(name: str, condition: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


recordings = Table(
    "recordings",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # The empty string stands for a direct upload: NULLs would not be unique.
    Column("connection_id", String, nullable=False),
    Column("recording_ref", String, nullable=False),
    Column("call_ref", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("call_started_at", Moment),
    Column("call_ended_at", Moment),
    Column("sealed_announcement", LargeBinary),
    # The account key version that sealed it, or that was current when the month key sealed it.
    Column("announcement_key_version", Integer),
    Column("announcement_month_key", String),
    Column("kind", String, nullable=False),
    Column("voices", JSON, nullable=False),
    Column("source_ref", String),
    Column("source_policy", String, nullable=False),
    Column("source_attempts", Integer, nullable=False),
    Column("source_not_before", Moment, nullable=False),
    Column("source_deleted_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("lease_until", Moment),
    Column("lease_token", String),
    # The account key version that wraps the recording key, or that was current when the month key wrapped it.
    Column("key_version", Integer),
    Column("month_key", String),
    Column("wrapped_key", LargeBinary),
    Column("evidence", String),
    Column("sealed_details", LargeBinary),
    Column("sealed_waveform", LargeBinary),
    Column("audio_location", String),
    Column("audio_header", LargeBinary),
    Column("audio_size", BigInteger),
    Column("rendition_location", String),
    Column("rendition_header", LargeBinary),
    Column("rendition_size", BigInteger),
    Column("container", String),
    Column("codec", String),
    Column("channels", Integer),
    Column("sample_rate", Integer),
    Column("duration", Float),
    Column("damaged", Boolean, nullable=False),
    Column("restricted", Boolean, nullable=False),
    Column("quarantined_until", Moment),
    Column("manifest_due", Boolean, nullable=False),
    Column("manifest_key_version", Integer),
    Column("available_at", Moment),
    Column("erased_at", Moment),
    # ``Recording.origin``; NULL for most rows.
    Column("origin", String),
    # By the retention policy: class, stamp of the policies (not the account's: not computed yet), due, ends of minima.
    Column("retention_class", String),
    Column("policy_version", Integer, nullable=False, server_default=text("0")),
    Column("act_at", Moment),
    Column("minimum_until", Moment),
    Column("legal_until", Moment),
    # Above 0 where the sweep has found it held, so that it costs the sweep nothing until a hold ends.
    Column("holds", Integer, nullable=False, server_default=text("0")),
    # When it is due by the event that tells it; NULL: not looked at, 1970: held when it was.
    Column("due_told", Moment),
    # Its locks in the object store, as read back from it (vault/domain/retention/object_lock.py).
    Column("object_locked_until", Moment),
    Column("lock_state", String, nullable=False, server_default=text("'none'")),
    Column("object_hold", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("account_id", "connection_id", "recording_ref"),
    # The conditions are written as the queries write them: SQLite uses an index only for the very same words.
    _partial("ix_recordings_act", IS_DATED, "act_at", "id"),
    _partial("ix_recordings_held", IS_HELD, "account_id", "id"),
    _partial("ix_recordings_untold", IS_UNTOLD, "account_id", "due_told", "act_at", "id"),
    _partial("ix_recordings_policy_version", IS_AVAILABLE, "account_id", "policy_version", "id"),
    Index("ix_recordings_page", "account_id", "received_at", "id"),
    Index("ix_recordings_call", "account_id", "call_ref"),
    # Claims read only a few states, so their cost does not grow with the archive.
    _partial("ix_recordings_not_available", IS_NOT_AVAILABLE, "state", "account_id", "not_before"),
    _partial("ix_recordings_due", IS_WORK, "state", "not_before"),
    _partial("ix_recordings_leased", "lease_until IS NOT NULL", "account_id", "lease_until"),
    _partial(
        "ix_recordings_source_due",
        "source_policy <> 'keep' AND source_deleted_at IS NULL",
        "source_not_before",
    ),
    _partial("ix_recordings_manifest_due", "manifest_due", "manifest_due"),
)

recording_terms = Table(
    "recording_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("recording_id", String, primary_key=True),
    Index("ix_recording_terms_recording", "recording_id"),
)

links = Table(
    "links",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("download", Boolean, nullable=False),
    Column("revoked_at", Moment),
    Column("listener_term", LargeBinary, nullable=False),
    Column("sealed_listener", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("purpose", String),
    Column("console_session_id", String),
    Column("plays_restricted", Boolean),
    Column("denials", Integer),
    Index("ix_links_account", "account_id", "created_at", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("link_id", String, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("nonce_hash", LargeBinary, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("log_entries", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("link_id", "nonce_hash"),
)

access_events = Table(
    "access_events",
    metadata,
    # Its index in the log's tree. On SQLite this is the rowid.
    Column(
        "tree_index", Integer().with_variant(BigInteger, "postgresql"), primary_key=True, autoincrement=False
    ),
    Column("id", String, nullable=False),
    Column("account_id", String),
    Column("recording_id", String),
    Column("body", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("sealed_detail", LargeBinary),
    Index("ix_access_events_account", "account_id", "tree_index"),
    Index("ix_access_events_recording", "recording_id", "tree_index"),
)
