"""The sequencer of SQLite: extends the tree once per batch of writes, in the batch's transaction.

There is only one writer, so the events of a batch have their indexes already; this adds the nodes above
them, and the head. The cached head is updated after COMMIT, never before, and dropped at a rollback, after
which the stored head is read again. After a crash the database has the last commit, in which events, nodes
and head are consistent.
"""

import sqlite3

from vault.database.log_tree.stored_tree import STEP, frontier_of
from vault.errors import StartRefused, Tampered
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier

_HEAD = "SELECT size, root, peaks FROM tree_head"
_COUNT = "SELECT coalesce(max(tree_index) + 1, 0) FROM access_events"
_NEW = "SELECT tree_index, leaf_hash FROM access_events WHERE tree_index >= ? ORDER BY tree_index"
_ADD_NODE = "INSERT INTO tree_nodes (level, position, hash) VALUES (?, ?, ?)"
_MOVE = "UPDATE tree_head SET size = ?, root = ?, peaks = ? WHERE id = 1 AND size = ?"
_OLDER = "SELECT position, body FROM event_outbox ORDER BY position LIMIT ?"
_TAKE_IN = """
INSERT INTO access_events (tree_index, id, account_id, recording_id, body, leaf_hash, sealed_detail)
SELECT ?, id, account_id, recording_id, body, ?, sealed_detail FROM event_outbox WHERE position = ?
"""
#: Max events of an older release that are sequenced in one transaction, at start.
_BATCH_SIZE = 10_000


class SqliteSequencer:
    """The tree of one SQLite file, used by the writer thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use the writer's own connection. Raises StartRefused if the stored tree is inconsistent."""
        self._cursor = connection.cursor()
        self._head: Frontier | None = None
        self._next: Frontier | None = None
        try:
            self._catch_up()
            self._compare()
        except Tampered as error:
            if connection.in_transaction:
                self._cursor.execute("ROLLBACK")
            raise StartRefused(
                "The access log and its tree do not belong together, so nothing was changed. Restore the "
                "database from a backup, and keep this one for an investigation."
            ) from error

    def sequence(self) -> None:
        """Extend the tree by the events of the open transaction. Raises SQLite's errors, and Tampered."""
        head = self._head or self._read_head()
        self._next = head
        rows = self._cursor.execute(_NEW, (head.size,)).fetchall()
        if not rows:
            return
        if rows[-1][0] != head.size + len(rows) - 1:
            raise Tampered("The events of the batch do not continue the tree.")
        grown, nodes = head.extend((leaf for _, leaf in rows), every=STEP)
        above = [(node.level, node.index, node.hash) for node in nodes if node.level]
        if above:
            self._cursor.executemany(_ADD_NODE, above)
        moved = self._cursor.execute(_MOVE, (grown.size, grown.root(), b"".join(grown.peaks), head.size))
        if moved.rowcount != 1:
            raise Tampered("The head of the tree was changed by another process.")
        self._next = grown

    def committed(self) -> None:
        """Update the cached head after the COMMIT."""
        self._head = self._next

    def forget_head(self) -> None:
        """Drop the cached head after a rollback or a restore; the stored one is read again."""
        self._head = None

    def _read_head(self) -> Frontier:
        return frontier_of(*self._cursor.execute(_HEAD).fetchone())

    def _compare(self) -> None:
        """Raise Tampered unless the numbers of events and leaves are equal."""
        (events,) = self._cursor.execute(_COUNT).fetchone()
        if self._read_head().size != events:
            raise Tampered("The numbers of events and leaves differ.")

    def _catch_up(self) -> None:
        """Sequence the events that an older release left in the outbox, in commit order."""
        more = True
        while more:
            self._cursor.execute("BEGIN IMMEDIATE")
            rows = self._cursor.execute(_OLDER, (_BATCH_SIZE,)).fetchall()
            more = bool(rows)
            if rows:
                first = self._read_head().size
                places = [(first + n, leaf_hash(body), place) for n, (place, body) in enumerate(rows)]
                self._cursor.executemany(_TAKE_IN, places)
                self._cursor.execute("DELETE FROM event_outbox WHERE position <= ?", (rows[-1][0],))
            self.sequence()
            self._cursor.execute("COMMIT")
            self.committed()
