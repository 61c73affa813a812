"""The sequencer of PostgreSQL: moves event rows from the outbox into the tree.

Transactions commit in another order than they draw sequence numbers, so a query for "greater than the last
number" would permanently skip rows that commit late. Here every row in the outbox is waiting, whatever its
number. The holder of a transaction-level advisory lock moves rows. The head is changed by compare-and-swap
too, so the transaction of a holder that lost the lock unnoticed fails and writes nothing.

``EventRows.append`` (vault/database/stores/audit_log/access_events.py) fills the outbox in the transaction of the act,
and the worker's task ``sequence`` (vault/services/audit_log/log_publisher.py) calls this; an open does in its own
transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from vault.database.log_tree.stored_tree import STEP, frontier_of
from vault.database.signals import Work, wake
from vault.database.sql.dialect import log_lock_key
from vault.errors import Unavailable
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier

#: Max rows moved by one statement.
BATCH_SIZE = 1000
#: Max rows that opening a link moves if the worker is behind; above it, Unavailable is raised.
_MAX_SETTLED = 20 * BATCH_SIZE
_WAITING = "SELECT position, body FROM event_outbox ORDER BY position LIMIT %s"
_PLACE = """
WITH moved AS (DELETE FROM event_outbox WHERE position = ANY(%s) RETURNING *)
INSERT INTO access_events (tree_index, id, account_id, recording_id, body, leaf_hash, sealed_detail)
SELECT n.tree_index, m.id, m.account_id, m.recording_id, m.body, n.leaf_hash, m.sealed_detail
  FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS n(position, tree_index, leaf_hash)
  JOIN moved m USING (position)
"""
_ADD_NODES = """
INSERT INTO tree_nodes (level, position, hash) SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bytea[])
"""
_HEAD = "SELECT size, root, peaks FROM tree_head"
_MOVE = "UPDATE tree_head SET size = %s, root = %s, peaks = %s WHERE id = 1 AND size = %s"


def sequence_waiting(connection: Connection, *, limit: int) -> int:
    """Move at most ``limit`` events into the tree; return the count, 0 while another transaction has the lock."""
    take = text("SELECT pg_try_advisory_xact_lock(:key)")
    if not connection.execute(take, {"key": log_lock_key()}).scalar_one():
        return 0
    return _move(connection, limit)


def settle(connection: Connection) -> None:
    """Move all waiting events, this transaction's included, and hold the lock until its end.

    Raises Unavailable if too many events wait for one transaction.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": log_lock_key()})
    moved = 0
    while (now := _move(connection, BATCH_SIZE)) == BATCH_SIZE:
        moved += now
        if moved >= _MAX_SETTLED:
            raise Unavailable("Too many events wait for the access log.", retry_after=1, cause="database")


def advance(connection: Connection, head: Frontier, rows: Sequence[tuple[int, bytes]]) -> None:
    """Append rows (position, body) to the tree that ends at ``head``.

    Raises Unavailable if another transaction advanced the tree; the caller must roll back then.
    """
    cursor: Any = connection.connection.cursor()
    hashes = [leaf_hash(body) for _, body in rows]
    grown, nodes = head.extend(hashes, every=STEP)
    # The swap first: a second transaction waits here for the commit of the first, and then fails.
    cursor.execute(_MOVE, (grown.size, grown.root(), b"".join(grown.peaks), head.size))
    if cursor.rowcount != 1:
        raise Unavailable("Another node advanced the access log.", retry_after=1, cause="database")
    positions = [position for position, _ in rows]
    cursor.execute(_PLACE, (positions, positions, list(range(head.size, grown.size)), hashes))
    if cursor.rowcount != len(rows):
        raise Unavailable("Another node moved these events.", retry_after=1, cause="database")
    above = [node for node in nodes if node.level]
    if above:
        columns = ([n.level for n in above], [n.index for n in above], [n.hash for n in above])
        cursor.execute(_ADD_NODES, columns)


def _move(connection: Connection, limit: int) -> int:
    cursor: Any = connection.connection.cursor()
    rows = cursor.execute(_WAITING, (limit,)).fetchall()
    if rows:
        advance(connection, frontier_of(*cursor.execute(_HEAD).fetchone()), rows)
        wake(connection, Work.SIGN)
    return len(rows)
