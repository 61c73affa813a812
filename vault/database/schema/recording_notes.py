"""The table of notes on recordings."""

from sqlalchemy import Column, Index, LargeBinary, String, Table

from vault.database.schema.core import Moment, metadata

recording_notes = Table(
    "recording_notes",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    # The person or the API key.
    Column("author", String, nullable=False),
    # Moment and text, under the recording key: they cannot be read without it.
    Column("sealed_note", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("ix_recording_notes_author", "recording_id", "author"),
)
