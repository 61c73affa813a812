"""What every test would make anew and is the same each time, made once for each test process."""

import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import botocore.session
import httpx._transports.default

import vault.database.engines.sqlite
from vault.database.engines.migrate import migrate_sqlite


def make_once() -> None:
    """Give httpx one TLS context, for clients that speak none; boto3 one description of AWS; new files one schema.

    Each takes from forty to four hundred milliseconds. Migrations have tests of their own, and servers in
    processes of their own migrate as ever.
    """
    _cache(httpx._transports.default, "create_ssl_context")
    _cache(botocore.session, "create_loader")
    vault.database.engines.sqlite.migrate_sqlite = _migrated


def _cache(module: ModuleType, name: str) -> None:
    setattr(module, name, cache(getattr(module, name)))


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
        migrate_sqlite(path)
        return path.read_bytes()
