"""The table of the entries of registers: everything that a person typed is sealed."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

_RECORD = text("register = 'processing_record'")
register_entries = Table(
    "register_entries",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("register", String, nullable=False),
    Column("revision", Integer, nullable=False),
    # Sealed under the account key.
    Column("sealed_entry", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String, nullable=False),
    Index("ix_register_entries_page", "account_id", "register", "created_at", "id"),
    # An account has one record of processing.
    Index(
        "ix_register_entries_record",
        "account_id",
        unique=True,
        sqlite_where=_RECORD,
        postgresql_where=_RECORD,
    ),
)
