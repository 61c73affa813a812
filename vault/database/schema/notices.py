"""The table of notices. A published notice is public, so its text is not encrypted."""

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from vault.database.schema.core import Moment, metadata

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
