"""The tables of card data in audio: policies, back-fills, what was found and nobody has decided on, and pauses."""

from sqlalchemy import Column, Float, Index, Integer, String, Table

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
    Column("unremoved", String),
    Index("ix_redaction_proposals_account", "account_id", "id"),
    Index("ix_redaction_proposals_recording", "recording_id"),
)

# The newest back-fill of each account. Its place in the recordings is (after_at, after_id).
card_data_back_fills = Table(
    "card_data_back_fills",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("keyed_digits", String, nullable=False),
    Column("policy_at", Moment, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String),
    Column("begun_at", Moment, nullable=False),
    Column("begun_by", String, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("recordings", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("after_at", Moment),
    Column("after_id", String),
    Column("tries", Integer, nullable=False),
    Column("searched", Integer, nullable=False),
    Column("searched_seconds", Float, nullable=False),
    Column("proposed", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("unremoved", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False),
    # When a worker looks at it; null unless it runs.
    Column("not_before", Moment),
    Index("ix_card_data_back_fills_not_before", "not_before"),
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
