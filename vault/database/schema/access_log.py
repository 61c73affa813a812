"""The tables of the transparency log and of closing acts; the access events, which are its leaves, are in ``core``.

A leaf is the ``body`` of an access event (vault/tlog/FORMAT.md), its index is ``access_events.tree_index``, and its
hash is stored in the same row: these are the nodes of level 0. Of the other levels only 8, 16 and so on are stored, one
node per 256 below it. A proof computes a node in between from at most 128 stored ones, which costs less than writing
every node with every event.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from vault.database.schema.core import Moment, metadata

# Committed events without an index in the tree yet. On SQLite it is normally empty.
event_outbox = Table(
    "event_outbox",
    metadata,
    Column("position", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("account_id", String),
    Column("recording_id", String),
    Column("body", LargeBinary, nullable=False),
    Column("sealed_detail", LargeBinary),
)

# Sessions without their final log entry. It is due when no other entry of the session can follow.
unsettled_sessions = Table(
    "unsettled_sessions",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("ends_at", Moment, nullable=False, index=True),
    # The index from which to read the log: its size when the session was opened, or the index read up to since.
    Column("log_size", BigInteger, nullable=False),
)

# Of whom the log has refusals: until when the allowance is used, a minute for each of them. In the past, it is whole.
log_allowances = Table(
    "log_allowances",
    metadata,
    Column("actor", String, primary_key=True),
    Column("used_until", Moment, nullable=False),
)

tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    # ``index`` in vault/tlog, which is a reserved word of SQL.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    # Nodes are appended at the right edge of each level, so a single B-tree is enough.
    sqlite_with_rowid=False,
)

# One row, updated by compare-and-swap on ``size``.
tree_head = Table(
    "tree_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    # The concatenated peaks for this size: all the data needed to append.
    Column("peaks", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("published_at", Moment),
    # When it was anchored. A checkpoint without an anchor is never shown.
    Column("anchored_at", Moment),
)

# One row: the number of leaves in the object store, and the time before which no other node may publish.
publication = Table(
    "publication",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("not_before", Moment, nullable=False),
)

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
