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
    # How often the command has begun it: what an earlier run still does is refused.
    Column("run", Integer, nullable=False, server_default="0"),
    # The other vault: its public URL and its label as a cell.
    Column("peer_url", String, nullable=False),
    Column("peer_cell", String),
    Column("begun_at", Moment, nullable=False),
    Column("moved_at", Moment),
    # When what is left of the account is destroyed here.
    Column("destroy_at", Moment),
    # The statement that both logs have signed.
    Column("statement", LargeBinary),
    # Of what was taken away here: SHA-256 of the digests of its tables. The other vault must keep the same.
    Column("rows_digest", String),
    # Where it arrived: the peer's key for links, doorways and what it passes on, wrapped by the root key.
    Column("wrapped_peer_key", LargeBinary),
    Index("ix_account_moves_ref", "ref"),
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
