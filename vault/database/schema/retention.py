"""The tables of retention: policies, holds, erasures that wait, ends of contacts, previews and runs of the sweep."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table

from vault.database.schema.core import Moment, metadata

retention_policies = Table(
    "retention_policies",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    # What a person typed in it is sealed (AccountDataKeys.seal_words).
    Column("policy", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("effective_at", Moment, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("covers", JSON, nullable=False),
    # Name, reason and numbers, sealed as the words of a person.
    Column("sealed_text", String, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("placed_by", String, nullable=False),
    Column("ends_at", Moment),
    Column("released_at", Moment),
    Column("released_by", String),
    # When the grace of a release ends; NULL before the release.
    Column("free_at", Moment),
    Index("ix_holds_account", "account_id", "free_at"),
)

# Erasures that a person asked for and that a hold or a legal minimum stops; a row goes with its recording.
pending_erasures = Table(
    "pending_erasures",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("account_id", String, nullable=False, index=True),
    Column("since", Moment, nullable=False),
    # A code: withdrawn, request.
    Column("cause", String, nullable=False),
    Column("actor", String, nullable=False),
)

# Erasures of the facts of calls that a person asked for and that a hold stops; a row goes with them.
pending_call_erasures = Table(
    "pending_call_erasures",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("call_ref", String, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("actor", String, nullable=False),
)

# When the contact that a recording belongs to ended; a row goes with its recording.
contact_ends = Table(
    "contact_ends",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # NULL: it was taken back.
    Column("ended_at", Moment),
    Column("told_at", Moment, nullable=False),
    Column("told_by", String, nullable=False),
)

# What was shown before a change that shortens: the change carries the digest.
previews = Table(
    "previews",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("digest", String, primary_key=True),
    # What was previewed: a digest of the policy's content, or a hold's id.
    Column("subject", String, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("ran_at", Moment, nullable=False),
    Column("erased", BigInteger, nullable=False),
    # Recordings that were still due after the run; NULL where they could not be counted.
    Column("residue", BigInteger),
    # A code: done, capped, stalled.
    Column("outcome", String, nullable=False),
    # Until then a run may erase more than the cap: a second key has approved it.
    Column("uncapped_until", Moment),
)
