"""The service with one thing wrong, SQLite's ``synchronous=OFF``: what checks durability must find it out."""

from vault.cli.main import main
from vault.database.engines import sqlite, sqlite_wal

if __name__ == "__main__":
    sqlite._PRAGMAS = tuple(
        "synchronous=OFF" if pragma.startswith("synchronous") else pragma for pragma in sqlite._PRAGMAS
    )
    # A checkpoint syncs the log, with a connection of its own: at a lucky moment it would keep an answer's promise.
    sqlite_wal._CHECKPOINT_INTERVAL = 3600
    main()
