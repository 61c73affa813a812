"""The tables of consent and of notices.

Phone numbers are stored in sealed columns and found by keyed hashes. A published notice is public, so its text is not
encrypted.
"""

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from vault.database.schema.core import Moment, metadata

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("call_ref", String, nullable=False),
    Column("heard_at", Moment, nullable=False),
    Column("sealed_event", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Index("ix_consent_events_call", "account_id", "call_ref"),
)

objections = Table(
    "objections",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("term", LargeBinary, nullable=False),
    Column("sealed_number", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    Column("reason", String),
    Column("by", String, nullable=False),
    Column("ended_by", String),
    # The version of the reader that wrote the terms of its number; NULL: its terms are not written yet.
    Column("reader", Integer),
    Index("ix_objections_term", "account_id", "term"),
    Index(
        "ix_objections_unread",
        "account_id",
        sqlite_where=text("reader IS NULL"),
        postgresql_where=text("reader IS NULL"),
    ),
)

# Keyed hashes of every spelling of an objection's number; a job writes those of objections that came without.
objection_terms = Table(
    "objection_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("objection_id", String, primary_key=True),
)

consent_policies = Table(
    "consent_policies",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("policy", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
)

# Calls whose recording the provider must pause; a row is deleted after the request.
pauses = Table(
    "pauses",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("call_ref", String, primary_key=True),
    Column("connection_id", String, nullable=False),
    Column("not_before", Moment, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
)

evidence_entries = Table(
    "evidence_entries",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("account_id", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("sealed_entry", LargeBinary, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("language", String, nullable=False),
    Column("audience", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("places", JSON, nullable=False),
    Column("controller", String, nullable=False),
    Column("purposes", String, nullable=False),
    Column("refusal", String, nullable=False),
    Column("full_notice", String, nullable=False),
    Column("retention", String, nullable=False),
    Column("text", String, nullable=False),
    # The telephone keys that the text names; NULL where an earlier release wrote it.
    Column("keys", JSON(none_as_null=True)),
    Column("text_sha256", String, nullable=False),
    Column("audio_sha256", String),
    Column("audio_seconds", Float),
    # The audio as PCM16, sealed under the account key; at most 480 kB of it.
    Column("sealed_audio", LargeBinary),
    Column("key_version", Integer),
    Column("status", String, nullable=False),
    # NULL while it is a draft: a unique constraint ignores NULLs, so there may be many drafts.
    Column("version", Integer),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String, nullable=False),
    Column("published_at", Moment),
    Column("retired_at", Moment),
    UniqueConstraint("account_id", "language", "audience", "mode", "version"),
    Index("ix_notices_page", "account_id", "created_at", "id"),
)
