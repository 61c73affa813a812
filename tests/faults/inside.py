"""A stopped service's data, opened in this process: rows, keys and objects, for proofs to look at."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.faults.server import MortalVault
from vault.composition.adapters import utc_now
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.database.wrapped_keys import WrappedKeyRows
from vault.keyservice.key_ring import AccountKeyRing
from vault.keyservice.location import open_root_key
from vault.objects.location import open_store
from vault.ports.objects import ObjectStore
from vault.services.recordings.sweep_orphans import Sweep
from vault.thread_pools import Threads


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What an operator with the root key has."""

    database: Database
    objects: ObjectStore
    ring: AccountKeyRing


@asynccontextmanager
async def inside(server: MortalVault) -> AsyncIterator[Inside]:
    """Open the SQLite data of a server that does not run."""
    threads = Threads("inside", 4)
    database = SqliteDatabase(server.database)
    url = server.environment.get("VAULT_OBJECTS_URL", f"file://{server.data_dir}/objects")
    try:
        root = open_root_key(server.environment["VAULT_ROOT_KEY_URL"], threads, create=False)
        yield Inside(
            database=database,
            objects=await open_store(url, threads),
            ring=AccountKeyRing(root, WrappedKeyRows(database)),
        )
    finally:
        database.close()
        threads.close()


def rows(server: MortalVault, query: str) -> list[sqlite3.Row]:
    """Ask a SQLite database, whether or not the server runs."""
    connection = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def sweep(server: MortalVault) -> int:
    """Sweep the data of a stopped server, all objects, as if the grace period had passed."""
    async with inside(server) as opened:
        await asyncio.sleep(0.01)
        verb = Sweep(
            database=opened.database,
            objects=opened.objects,
            clock=utc_now,
            scan_objects=0,
            grace=timedelta(0),
        )
        return await verb(everything=True)


def files_below(folder: Path) -> dict[str, Path]:
    """Return every file by its path below the folder."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
