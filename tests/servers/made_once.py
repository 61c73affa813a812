"""What every test would make anew and is the same each time, made once for each test process."""

import sqlite3
import tempfile
from functools import cache
from pathlib import Path

import httpx._transports.default

import vault.database.sqlite
from vault.database.migrate import migrate_sqlite


def make_once() -> None:
    """Give httpx one TLS context, for clients that speak none; and new SQLite files one schema.

    Each takes forty milliseconds or more. Migrations have tests of their own, and servers in processes of
    their own migrate as ever.
    """
    module = httpx._transports.default
    module.create_ssl_context = cache(module.create_ssl_context)  # type: ignore[attr-defined]
    vault.database.sqlite.migrate_sqlite = _migrated


def _migrated(path: Path) -> None:
    """Bring a file to the schema: an empty one by what migrations made of another."""
    if path.stat().st_size:
        migrate_sqlite(path)
    else:
        path.write_bytes(_schema())


@cache
def _schema() -> bytes:
    with tempfile.TemporaryDirectory(prefix="schema") as folder:
        path = Path(folder) / "vault.db"
        sqlite3.connect(path).close()
        migrate_sqlite(path)
        return path.read_bytes()
