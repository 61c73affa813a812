"""The table of closing acts (vault/domain/stored/closing_acts.py), and the state of their objects."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

_DUE = text("NOT stored")
_OPEN = text("stored AND NOT settled")
# A row is permanent, as the mark that this database knows the act: if a restored bucket contains its object
# again, the act must not look like one that the database has lost.
closing_acts = Table(
    "closing_acts",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("account_id", String),
    # The closed subject. Services find acts that are not stored yet by it.
    Column("subject", String),
    # The id of the first event in the object, which names it; None if there is no object.
    Column("batch", String),
    # The act in its stored form, until it is settled; permanently if nothing else contains it.
    Column("act", LargeBinary),
    Column("at", Moment, nullable=False),
    # The account's revision that must be written before the act may settle; None if none is needed.
    Column("revision", BigInteger),
    # A size of the log that includes the act's leaf, once known.
    Column("log_size", BigInteger),
    Column("stored", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index("ix_closing_acts_due", "account_id", "subject", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("ix_closing_acts_open", "account_id", "batch", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
