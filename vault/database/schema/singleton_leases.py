"""The table of singleton leases: the node that may run a job of which only one may run at a time."""

from sqlalchemy import Column, String, Table

from vault.database.schema.core import Moment, metadata

turns = Table(
    "turns",
    metadata,
    Column("name", String, primary_key=True),
    # Of the lease's holder; NULL while there is none.
    Column("token", String),
    # Nobody else can claim the name before: the end of the lease, or the time of the next run.
    Column("until", Moment, nullable=False),
)
