"""The service with one thing wrong, SQLite's ``synchronous=OFF``: what checks durability must find it out."""

from vault.cli.main import main
from vault.database.engines import sqlite

if __name__ == "__main__":
    sqlite._PRAGMAS = tuple(
        "synchronous=OFF" if pragma.startswith("synchronous") else pragma for pragma in sqlite._PRAGMAS
    )
    main()
