"""The tables of hand-over: integrations, what stands of recordings in their systems, and how far the log is read."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from vault.database.schema.core import Moment, metadata

integrations = Table(
    "integrations",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("system", String, nullable=False),
    Column("state", String, nullable=False),
    Column("policy", JSON, nullable=False),
    # Credentials and the description, sealed as words of the account.
    Column("sealed", Text, nullable=False),
    # Its vendor's entry in the register of recipients.
    Column("recipient_id", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("unauthorized_since", Moment),
    Column("set_up_at", Moment, nullable=False),
    # Where the log was when it was activated; NULL: a restore has brought it, and it begins with the next reading.
    Column("from_index", BigInteger),
    # When the system last took something.
    Column("succeeded_at", Moment),
    # The authorization that somebody has begun: the SHA-256 of its state, who, and until when it can end.
    Column("state_hash", String),
    Column("started_by", String),
    Column("state_until", Moment),
    # When a person or a refresh last gave tokens, and until when somebody refreshes them.
    Column("granted_at", Moment),
    Column("refreshing_until", Moment),
    # Once it has ended: since when all that it has handed over has a last state.
    Column("settled_at", Moment),
    Index("ix_integrations_account", "account_id"),
    Index("ix_integrations_state", "state_hash", unique=True),
)

#: Condition of the index of what is still to be done; queries repeat it.
IS_UNSETTLED = (
    "desired <> state AND state <> 'left' AND (desired = 'absent' OR state NOT IN ('held', 'unmatched') OR "
    "(desired = 'restricted' AND state = 'held' AND cause IS NOT NULL AND cause = 'unconfirmed'))"
)
_UNSETTLED = text(IS_UNSETTLED)
#: The same of those on which a person decides.
IS_HANDOVER_HELD = "state = 'held' AND desired <> 'absent'"
_HELD = text(IS_HANDOVER_HELD)
handovers = Table(
    "handovers",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("integration_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("desired", String, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String),
    Column("version", Integer, nullable=False),
    # Ids in the system, the target, and candidates, sealed as words of the account.
    Column("sealed", Text),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("busy_by", String),
    Column("busy_until", Moment),
    # What the system keeps after the removal, as codes.
    Column("residue", JSON, nullable=False),
    # When its message was last put into the outbox.
    Column("queued_at", Moment),
    UniqueConstraint("integration_id", "recording_id"),
    Index("ix_handovers_recording", "recording_id"),
    Index("ix_handovers_account", "account_id", "created_at", "id"),
    Index("ix_handovers_state", "account_id", "state", "created_at", "id"),
    Index(
        "ix_handovers_unsettled",
        "integration_id",
        "queued_at",
        sqlite_where=_UNSETTLED,
        postgresql_where=_UNSETTLED,
    ),
    Index(
        "ix_handovers_held",
        "account_id",
        sqlite_where=_HELD,
        postgresql_where=_HELD,
    ),
)

# One row: the number of log entries that were looked at.
handovers_read = Table(
    "handovers_read",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("through", BigInteger, nullable=False),
)
