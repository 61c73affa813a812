"""The tables of the transparency log, beside the access events that are its leaves (vault/tlog/FORMAT.md).

A leaf is the ``body`` of an access event, its place is ``access_events.tree_index``, and its hash stands
beside it: these are the nodes of level 0. Of the others only levels 8, 16 and so on are kept, one node for
256 below it; those between are made of at most 128 when a proof needs them, which is less than writing
each of them would cost with every event.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from vault.database.schema.core import Moment, metadata

# Events that are durable and have no place in the tree yet. On SQLite none ever waits.
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

# Sessions on which the log has not said its last word. It is due when nothing can come any more.
unsettled_sessions = Table(
    "unsettled_sessions",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("recording_id", String, nullable=False),
    Column("ends_at", Moment, nullable=False, index=True),
    # Where in the log to read on: how many events it had at the opening, or what was read since.
    Column("log_size", BigInteger, nullable=False),
)

tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    # ``index`` in vault/tlog; that is a word of SQL.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    # Nodes are appended at the right edge of each level, so one tree of pages is enough.
    sqlite_with_rowid=False,
)

# One row. Who moves the tree on compares and swaps its size.
tree_head = Table(
    "tree_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    # The peaks of the size, joined: all that is needed to go on appending.
    Column("peaks", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("published_at", Moment),
    # Since when an anchor carries it. What none carries is shown to nobody.
    Column("anchored_at", Moment),
)

# One row: how many leaves lie in the object store, and who may not write there before when.
publication = Table(
    "publication",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("not_before", Moment, nullable=False),
)
