"""Overwrite the unallocated space of SQLite's pages, where moved rows leave copies of themselves.

``secure_delete`` overwrites deleted rows with zeros. But when a page is full, SQLite distributes its rows over several
pages (``rebuildPage`` in its btree.c) and leaves the old bytes of those that moved in the unallocated space: between
the cell pointers and the first cell (https://sqlite.org/fileformat2.html#b_tree_pages). A key that is deleted later
would stay readable in such a copy: of 21,683 keys deleted in 60 databases, 30 did.

The pages are read and written with ``sqlite_dbpage`` (https://sqlite.org/dbpage.html), in ordinary transactions, so
that the write-ahead log, locks and caches of SQLite stay right. Only bytes that SQLite never reads are changed.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from vault.batches import batches
from vault.database.engines.sqlite_jobs import driver_of
from vault.database.interface import Database
from vault.structured_log import Log

_LOG: Final = Log(__name__)
#: Types of b-tree pages (the first byte), and the bytes of their headers.
_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}
#: The first page begins with the header of the file.
_FILE_HEADER: Final = 100
#: Pages that are looked at in one snapshot, and written in one transaction.
_AT_ONCE: Final = 500


async def clear_pages(database: Database) -> None:
    """Overwrite the unallocated space of all pages, a few at a time, so that others read and write meanwhile.

    A build of SQLite without ``sqlite_dbpage`` can only say that it is not done. Debian's has it.
    """
    if not await database.read(lambda tx: _has_dbpage(driver_of(tx.connection))):
        _LOG.warning("database.pages_not_cleared")
        return
    pages = await database.read(lambda tx: _number_of_pages(driver_of(tx.connection)))
    for some in batches(range(1, pages + 1), _AT_ONCE):
        if unclean := await database.read(lambda tx, some=some: _unclean(driver_of(tx.connection), some)):  # type: ignore[misc]
            await database.write(lambda tx, these=unclean: _clear(driver_of(tx.connection), these))  # type: ignore[misc]


def _has_dbpage(connection: sqlite3.Connection) -> bool:
    return ("ENABLE_DBPAGE_VTAB",) in connection.execute("PRAGMA compile_options").fetchall()


def _number_of_pages(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return int(pages)


def _unclean(connection: sqlite3.Connection, numbers: Sequence[int]) -> Sequence[int]:
    return [number for number in numbers if _cleared(connection, number) is not None]


def _clear(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    # Read once more: the page may have changed since.
    for number in numbers:
        if (page := _cleared(connection, number)) is not None:
            connection.execute("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", (page, number))


def _cleared(connection: sqlite3.Connection, number: int) -> bytes | None:
    row = connection.execute("SELECT data FROM sqlite_dbpage WHERE pgno = ?", (number,)).fetchone()
    return None if row is None else cleared(row[0], _FILE_HEADER if number == 1 else 0)


def cleared(page: bytes, offset: int = 0) -> bytes | None:
    """Return the page with zeros in its unallocated space; None if it has nothing else there, or is no b-tree page.

    The page's header begins at ``offset``: type, first free block, number of cells, where the cells begin (0 is 65536).
    An overflow page begins with a page number, which is no type below page 33,554,432 (128 GiB); and the bounds of the
    space are checked.
    """
    header = _HEADERS.get(page[offset])
    if header is None:
        return None
    cells = int.from_bytes(page[offset + 3 : offset + 5])
    end = int.from_bytes(page[offset + 5 : offset + 7]) or 65536
    begin = offset + header + 2 * cells
    if not begin <= end <= len(page) or not page[begin:end].strip(b"\0"):
        return None
    return page[:begin] + bytes(end - begin) + page[end:]
