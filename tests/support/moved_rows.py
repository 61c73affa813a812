"""Rows of SQLite that grow, so that it moves them between pages, and keys that are deleted from them afterwards."""

import os
import random
from collections.abc import Sequence
from itertools import count

from vault.database.engines.sqlite import SqliteDatabase
from vault.database.transaction import Transaction

_ROWS = 300


async def deleted_keys_left(database: SqliteDatabase) -> Sequence[bytes]:
    """Return one or more keys that are deleted from their rows, and that are still in the database's file."""
    await database.write(
        lambda tx: tx.connection.exec_driver_sql(
            "CREATE TABLE moved (id TEXT PRIMARY KEY, a TEXT, key BLOB, b TEXT)"
        )
    )
    for seed in count():
        deleted = await database.write(lambda tx, seed=seed: _grow_and_delete(tx, seed))  # type: ignore[misc]
        assert await database.scrub()
        content = database.path.read_bytes()
        if found := [key for key in deleted if key in content]:
            break
    assert not await database.read(_keys)
    return found


def _keys(tx: Transaction) -> Sequence[object]:
    return tx.connection.exec_driver_sql("SELECT 1 FROM moved WHERE key IS NOT NULL").all()


def _grow_and_delete(tx: Transaction, seed: int) -> list[bytes]:
    """Insert rows, add keys to them later, and delete the keys in another order."""
    some, execute = random.Random(seed), tx.connection.exec_driver_sql  # noqa: S311
    keys: dict[str, bytes] = {}
    deleted, names = [], [f"{seed}-{number}" for number in range(_ROWS)]
    for number, name in enumerate(names):
        execute("INSERT INTO moved (id, a) VALUES (?, ?)", (name, "x" * some.randrange(200, 900)))
        late = names[some.randrange(max(0, number - 12), number + 1)]
        if late not in keys:
            keys[late] = os.urandom(61)
            grown = (keys[late], "y" * some.randrange(50, 300), late)
            execute("UPDATE moved SET key = ?, b = ? WHERE id = ?", grown)
        if some.random() < 0.8:
            deleted.append(keys[late])
            execute("UPDATE moved SET key = NULL WHERE id = ?", (late,))
    execute("UPDATE moved SET key = NULL")
    return list({*deleted, *keys.values()})
