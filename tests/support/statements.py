"""How many statements a piece of work takes."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine, event

from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database


@contextmanager
def statements(database: Database) -> Iterator[list[int]]:
    """Count the parameters of each statement that is executed meanwhile; one that runs N times counts N times.

    On this database alone: a vault that serves other tests of the process works on in its own.
    """
    counted: list[int] = []

    def note(_connection: Any, _cursor: Any, _text: str, given: Any, _context: Any, _many: bool) -> None:
        # A list is one statement executed for each set; a tuple may hold the rows of one INSERT.
        counted.extend(len(one) for one in (given if isinstance(given, list) else [given]))

    with ExitStack() as stack:
        for engine in _engines(database):
            event.listen(engine, "before_cursor_execute", note)
            stack.callback(event.remove, engine, "before_cursor_execute", note)
        yield counted


def _engines(database: Database) -> Collection[Engine]:
    if isinstance(database, SqliteDatabase):
        return [database._engine, database._reading]
    assert isinstance(database, PostgresqlDatabase)
    return database._pool._engines.values()
