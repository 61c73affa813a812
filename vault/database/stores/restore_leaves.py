"""Leaves of the anchored log come back into the tree at their places; own ones that were never shown move behind.

A tree is set back to where its history parts from the anchored one: the leaves behind that point go to the
outbox, in their order and with what is sealed beside them. The anchored leaves take their places, and an
event that is among them leaves the outbox. What is left there is appended again at the end. Every step is a
transaction that leaves a sound tree, so a restore may end anywhere: what waits in the outbox is appended by
the sequencer (on SQLite at the next start), and the next restore finds the same point again.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, delete, func, insert, literal, select, text, update
from sqlalchemy import Connection as DbConnection

from vault.database.log_tree.sequencer_postgresql import sequence_waiting
from vault.database.log_tree.stored_tree import STEP, frontier_of
from vault.database.schema.access_log import (
    checkpoints,
    event_outbox,
    publication,
    tree_head,
    tree_nodes,
    unsettled_sessions,
)
from vault.database.schema.closing_acts import closing_acts
from vault.database.schema.core import access_events
from vault.database.sql.dialect import is_postgresql, log_lock_key
from vault.database.stores.log_tree import TreeRows
from vault.errors import Tampered
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier, read_frontier

#: Set in ``Connection.info`` by whoever moves the head past SQLite's sequencer, which keeps it in memory.
HEAD_MOVED = "callvault_head_moved"
#: Places in the outbox that come before those of events that wait there by themselves, which are above 0: below
#: this, what stood in the tree; above it, what came into the tree while it was set back.
_MIDDLE = -(1 << 49)
_COPIED = ("id", "account_id", "recording_id", "body", "sealed_detail")
_LAST_LEVEL = 63


def set_back(db: DbConnection, size: int, *, limit: int) -> bool:
    """Move at most ``limit`` leaves from the end of the tree to the outbox; say whether it has ``size`` now."""
    _lock_log(db)
    end = _next_index(db)
    if end > size:
        size_now = max(size, end - limit)
        first = db.execute(select(func.min(event_outbox.c.position))).scalar()
        _shorten(db, size_now, place=min(first or 0, _MIDDLE) - (end - size_now))
    return end - limit <= size


def put_leaves(db: DbConnection, start: int, leaves: Sequence[bytes]) -> None:
    """Append leaves as they are, the first of them at ``start``, where the tree ends or is made to end.

    Raises Tampered if the tree is shorter than that.
    """
    _lock_log(db)
    end = _next_index(db)
    if end > start:
        displaced = select(func.max(event_outbox.c.position)).where(event_outbox.c.position < 0)
        _shorten(db, start, place=max(db.execute(displaced).scalar() or _MIDDLE, _MIDDLE) + 1)
    head = _head(db)
    if head.size != start:
        raise Tampered("The leaves that are restored do not continue the access log.")
    rows = [_row(leaf) for leaf in leaves]
    waiting = delete(event_outbox).where(event_outbox.c.id.in_([row["id"] for row in rows]))
    details = {
        row.id: row.sealed_detail
        for row in db.execute(waiting.returning(event_outbox.c.id, event_outbox.c.sealed_detail))
    }
    _append(db, head, [row | {"sealed_detail": details.get(row["id"])} for row in rows])


def waiting_leaves(db: DbConnection, after: int | None, *, limit: int) -> list[tuple[int, bytes]]:
    """Return place and body of events that wait in the outbox, those behind the place ``after``."""
    o = event_outbox.c
    waiting = select(o.position, o.body).order_by(o.position).limit(limit)
    if after is not None:
        waiting = waiting.where(o.position > after)
    return [(row.position, row.body) for row in db.execute(waiting)]


def take_waiting(db: DbConnection, *, limit: int) -> int:
    """Append at most ``limit`` events that wait in the outbox; return how many, 0 once none waits."""
    if is_postgresql(db):
        _lock_log(db)
        return sequence_waiting(db, limit=limit)
    o = event_outbox.c
    columns = [o[name] for name in _COPIED]
    waiting = db.execute(select(o.position, *columns).order_by(o.position).limit(limit)).all()
    if waiting:
        rows = [{name: getattr(row, name) for name in _COPIED} for row in waiting]
        db.execute(delete(event_outbox).where(o.position <= waiting[-1].position))
        # What came into the tree with this very group has no nodes yet: the writer adds them afterwards.
        start = _next_index(db)
        placed = [
            row | {"tree_index": start + n, "leaf_hash": leaf_hash(row["body"])} for n, row in enumerate(rows)
        ]
        db.execute(insert(access_events), placed)
    return len(waiting)


def _lock_log(db: DbConnection) -> None:
    if is_postgresql(db):
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": log_lock_key()})


def _next_index(db: DbConnection) -> int:
    size: int = db.execute(select(func.coalesce(func.max(access_events.c.tree_index) + 1, 0))).scalar_one()
    return size


def _head(db: DbConnection) -> Frontier:
    return frontier_of(*db.execute(select(tree_head.c.size, tree_head.c.root, tree_head.c.peaks)).one())


def _shorten(db: DbConnection, size: int, *, place: int) -> None:
    """Make the tree one of ``size`` leaves; the leaves behind them wait in the outbox from ``place`` on."""
    head = _head(db)
    if head.size > size:
        shorter = read_frontier(TreeRows(db).node, size)
        _set_head(db, shorter)
        n = tree_nodes.c
        for level in range(STEP, _LAST_LEVEL, STEP):
            db.execute(delete(tree_nodes).where(n.level == level, n.position >= size >> level))
    e = access_events.c
    position = (e.tree_index + literal(place - size, BigInteger)).label("position")
    moved = select(position, *(e[name] for name in _COPIED))
    moved = moved.where(e.tree_index >= size).order_by(e.tree_index)
    db.execute(insert(event_outbox).from_select(["position", *_COPIED], moved))
    db.execute(delete(access_events).where(e.tree_index >= size))
    # What was signed, published or read of the leaves that moved says nothing of those that come there.
    db.execute(delete(checkpoints).where(checkpoints.c.size > size))
    db.execute(update(publication).where(publication.c.size > size).values(size=size))
    u = unsettled_sessions
    db.execute(update(u).where(u.c.log_size > size).values(log_size=size))
    db.execute(update(closing_acts).where(closing_acts.c.log_size > size).values(log_size=None))


def _append(db: DbConnection, head: Frontier, rows: Sequence[dict[str, Any]]) -> None:
    grown, nodes = head.extend([row["leaf_hash"] for row in rows], every=STEP)
    db.execute(insert(access_events), [row | {"tree_index": head.size + n} for n, row in enumerate(rows)])
    above = [{"level": n.level, "position": n.index, "hash": n.hash} for n in nodes if n.level]
    if above:
        db.execute(insert(tree_nodes), above)
    _set_head(db, grown)


def _set_head(db: DbConnection, head: Frontier) -> None:
    db.execute(update(tree_head).values(size=head.size, root=head.root(), peaks=b"".join(head.peaks)))
    db.info[HEAD_MOVED] = True


def _row(leaf: bytes) -> dict[str, Any]:
    """Return a leaf as its row. Who reads it has seen that it is an access event."""
    said = json.loads(leaf)
    return {
        "id": said["id"],
        "account_id": said.get("account"),
        "recording_id": said.get("recording"),
        "body": leaf,
        "leaf_hash": leaf_hash(leaf),
    }
