"""The table of closing acts (vault/domain/stored/closing_acts.py): whether their objects lie in the object store."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

_DUE = text("NOT stored")
_OPEN = text("stored AND NOT settled")
# A row stays for good, as the mark that this database knows of the act: an object that comes back, with a
# bucket that was restored, must not look like an act that the database has lost.
closing_acts = Table(
    "closing_acts",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("account_id", String),
    # What was closed. Verbs find by it what is not stored yet.
    Column("subject", String),
    # The first event of the transaction, which names the object; None where there is no object.
    Column("batch", String),
    # The act as it is stored, until it is settled; for good where nothing else says it.
    Column("act", LargeBinary),
    Column("at", Moment, nullable=False),
    # The revision of the account whose object must have been written first; None where there is no need.
    Column("revision", BigInteger),
    # A size of the log with which the act's leaf is in it, once that is known.
    Column("log_size", BigInteger),
    Column("stored", Boolean, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index("ix_closing_acts_due", "account_id", "subject", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("ix_closing_acts_open", "account_id", "batch", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
