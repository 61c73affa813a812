"""What every test would make again and is the same each time, made once for each test process."""

import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.on_import import on_import


def make_once() -> None:
    """Give httpx one TLS context, for clients that speak none; boto3 one description of AWS; new files one schema.

    Each takes from forty to four hundred milliseconds. And give all databases of a kind one cache of compiled
    statements: a test opens a database of its own, and compiling what it asks took a quarter of its CPU.
    """
    on_import("httpx._transports.default", lambda module: _cache(module, "create_ssl_context"))
    on_import("botocore.session", lambda module: _cache(module, "create_loader"))
    on_import("sqlalchemy.engine.base", _share_statements)
    make_schema_once()


def make_schema_once() -> None:
    """Give new files of SQLite in this process the schema that migrations made of another.

    Migrations have tests of their own, and a process that is no fork of the tests migrates as ever.
    """
    on_import("vault.database.engines.sqlite", lambda module: setattr(module, "migrate_sqlite", _migrated))


def _cache(module: ModuleType, name: str) -> None:
    setattr(module, name, cache(getattr(module, name)))


def _share_statements(engines: Any) -> None:
    begin, shared = engines.Engine.__init__, _SharedStatements()

    def begin_with_shared(engine: Any, *given: Any, **named: Any) -> None:
        begin(engine, *given, **named)
        engine._compiled_cache = shared

    engines.Engine.__init__ = begin_with_shared


class _SharedStatements(dict[Any, Any]):
    """Compiled statements by the kind of database in place of its dialect, of which each engine has one."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_of_kind(key), compiled)


def _of_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return type(dialect), getattr(dialect, "server_version_info", None), *statement


def _migrated(path: Path, *, restoring: bool = False) -> None:
    """Bring a file to the schema: an empty one by what migrations made of another."""
    if path.stat().st_size or restoring:
        _migrate(path, restoring=restoring)
    else:
        path.write_bytes(schema())


@cache
def schema() -> bytes:
    """Return an empty database of SQLite with the schema."""
    with tempfile.TemporaryDirectory(prefix="schema") as folder:
        path = Path(folder) / "vault.db"
        _migrate(path)
        return path.read_bytes()


def _migrate(path: Path, *, restoring: bool = False) -> None:
    # Not at the top: it imports SQLAlchemy and Alembic, which most tests of pure code do without.
    from vault.database.engines.migrate import migrate_sqlite  # noqa: PLC0415 - see above

    migrate_sqlite(path, restoring=restoring)
