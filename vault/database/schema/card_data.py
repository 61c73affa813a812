"""The tables of card data in audio: what accounts want, and what was found and is neither removed nor dismissed."""

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
