"""The tables of nodes: metadata of the vault, and leases of jobs that one node at a time may run."""

from sqlalchemy import Column, LargeBinary, String, Table

from vault.database.schema.core import Moment, metadata

vault_metadata = Table(
    "vault_metadata",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("name", String, primary_key=True),
    # Of the lease's holder; NULL while there is none.
    Column("token", String),
    # Nobody else can claim the name before: the end of the lease, or the time of the next run.
    Column("until", Moment, nullable=False),
)
