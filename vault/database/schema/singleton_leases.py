"""The table of turns: who of all nodes does what only one of them should do at a time."""

from sqlalchemy import Column, String, Table

from vault.database.schema.core import Moment, metadata

turns = Table(
    "turns",
    metadata,
    Column("name", String, primary_key=True),
    # Of whoever has the turn; nothing while nobody has it.
    Column("token", String),
    # Until then nobody else takes it: the end of a lease, or the time of the next turn.
    Column("until", Moment, nullable=False),
)
