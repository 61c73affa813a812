"""What every test would make again and is the same each time, made once for each test process."""

import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from tests.support.on_import import on_import


def make_once() -> None:
    """Give httpx one TLS context, for clients that speak none; boto3 one description of AWS; new files one schema.

    Each takes from forty to four hundred milliseconds. Migrations have tests of their own, and servers in
    processes of their own migrate as ever.
    """
    on_import("httpx._transports.default", lambda module: _cache(module, "create_ssl_context"))
    on_import("botocore.session", lambda module: _cache(module, "create_loader"))
    on_import("vault.database.engines.sqlite", lambda module: setattr(module, "migrate_sqlite", _migrated))


def _cache(module: ModuleType, name: str) -> None:
    setattr(module, name, cache(getattr(module, name)))


def _migrated(path: Path, *, restoring: bool = False) -> None:
    """Bring a file to the schema: an empty one by what migrations made of another."""
    if path.stat().st_size or restoring:
        _migrate(path, restoring=restoring)
    else:
        path.write_bytes(_schema())


@cache
def _schema() -> bytes:
    with tempfile.TemporaryDirectory(prefix="schema") as folder:
        path = Path(folder) / "vault.db"
        _migrate(path)
        return path.read_bytes()


def _migrate(path: Path, *, restoring: bool = False) -> None:
    # Not at the top: it imports SQLAlchemy and Alembic, which most tests of pure code do without.
    from vault.database.engines.migrate import migrate_sqlite  # noqa: PLC0415 - see above

    migrate_sqlite(path, restoring=restoring)
