"""Leases and turns that run out immediately, as if ninety seconds had passed since their process died."""

import contextlib
import sqlite3
from pathlib import Path

import psycopg

_QUERIES = (
    "UPDATE recordings SET lease_until = 1 WHERE lease_until > 1",
    "UPDATE turns SET until = 1 WHERE until > 1",
    "UPDATE closing_acts SET at = 1 WHERE NOT stored AND at > 1",
)


def let_everything_run_out(database: str | Path) -> int:
    """Set them back, by the URL of a PostgreSQL or in a file of SQLite; return how many there were."""
    if isinstance(database, str):
        with psycopg.connect(database, autocommit=True) as connection:
            return sum(connection.execute(query).rowcount for query in _QUERIES)
    with contextlib.closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as file:
        return sum(file.execute(query).rowcount for query in _QUERIES)
