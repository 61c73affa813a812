"""The tables of accounts that move to another vault: the moves, what arrives, and where old addresses lead."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from vault.database.schema.core import Moment, metadata

# One row at each end, which stays: it says where the account went, or where it came from.
account_moves = Table(
    "account_moves",
    metadata,
    Column("account_id", String, primary_key=True),
    # The account's name, which its addresses carry.
    Column("ref", String, nullable=False),
    # The phase (vault/domain/moves/move.py), from which the role follows.
    Column("phase", String, nullable=False),
    # The other vault: its public URL and its label as a cell.
    Column("peer_url", String, nullable=False),
    Column("peer_cell", String),
    Column("begun_at", Moment, nullable=False),
    Column("frozen_at", Moment),
    Column("moved_at", Moment),
    # When what is left of the account is destroyed here.
    Column("destroy_at", Moment),
    # The statement that both logs have signed.
    Column("statement", LargeBinary),
    # Where it arrived: the peer's key for links, doorways and what it passes on, wrapped by the root key.
    Column("wrapped_peer_key", LargeBinary),
    Index("ix_account_moves_ref", "ref", unique=True),
)

# Rows that arrived, until the account is here.
arriving_rows = Table(
    "arriving_rows",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("table_name", String, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    # A row as JSON.
    Column("row", LargeBinary, nullable=False),
)

# What the addresses of an account that left contain: ids, and hashes of tokens.
moved_addresses = Table(
    "moved_addresses",
    metadata,
    Column("address", String, primary_key=True),
    Column("account_id", String, nullable=False),
)

# Entries of the log of the vault where the account was, with their details; ``tree_index`` is that of that log.
carried_events = Table(
    "carried_events",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("tree_index", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("recording_id", String),
    Column("body", LargeBinary, nullable=False),
    Column("sealed_detail", LargeBinary),
    Index("ix_carried_events_recording", "recording_id", "tree_index"),
)

# Webhooks that came while the account was frozen, sealed, in their order, until the other vault has them.
kept_webhooks = Table(
    "kept_webhooks",
    metadata,
    Column("position", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    Column("account_id", String, nullable=False),
    Column("connection_id", String, nullable=False),
    Column("sealed_delivery", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment, nullable=False),
    Index("ix_kept_webhooks_account", "account_id", "position"),
)
