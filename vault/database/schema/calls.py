"""The search index of calls: keyed hashes of their facts, also for calls without recordings."""

from sqlalchemy import Column, Index, LargeBinary, String, Table

from vault.database.schema.core import metadata

call_terms = Table(
    "call_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("call_ref", String, primary_key=True),
    Index("ix_call_terms_call", "account_id", "call_ref"),
)
