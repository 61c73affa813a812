"""The tables of card data in audio: policies, what was found and is neither removed nor dismissed, and pauses."""

from sqlalchemy import Column, Index, Integer, String, Table

from vault.database.schema.core import Moment, metadata

card_data_policies = Table(
    "card_data_policies",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("keyed_digits", String, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
)

# Times and kind alone: neither a digit, nor how many there are, nor a hash of them.
redaction_proposals = Table(
    "redaction_proposals",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("begin_ms", Integer, nullable=False),
    Column("end_ms", Integer, nullable=False),
    Column("found_at", Moment, nullable=False),
    Index("ix_redaction_proposals_account", "account_id", "id"),
    Index("ix_redaction_proposals_recording", "recording_id"),
)

# Pauses of the recording of a call while it goes on. They go with the facts of the call.
recording_pauses = Table(
    "recording_pauses",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("call_ref", String, nullable=False),
    Column("connection_id", String),
    Column("reason", String, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("answer", String),
    Column("attempts", Integer, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", String),
    Column("end_cause", String),
    Column("end_answer", String),
    # When a worker looks at it; null when nothing is left to do.
    Column("not_before", Moment),
    Index("ix_recording_pauses_call", "account_id", "call_ref"),
    Index("ix_recording_pauses_not_before", "not_before"),
)
