"""Restore leaves of the anchored log at their indexes; the database's own leaves are appended after them.

The tree is truncated where its history diverges from the anchored one: the leaves after that point move to
the outbox, in their order and with their sealed details. The anchored leaves are inserted at their indexes,
and their events are deleted from the outbox. The rest of the outbox is appended at the end. Every step is a
transaction that leaves a valid tree, so a restore may be interrupted anywhere: the sequencer appends the
outbox (on SQLite at the next start), and the next restore finds the same point again.
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
    closing_acts,
    event_outbox,
    publication,
    tree_head,
    tree_nodes,
    unsettled_sessions,
)
from vault.database.schema.core import access_events
from vault.database.sql.dialect import is_postgresql, log_lock_key
from vault.database.stores.accounts.usage import UsageRows
from vault.database.stores.audit_log.log_tree import TreeRows
from vault.errors import Tampered
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier, read_frontier

#: Set in ``Connection.info`` by code that changes the head without SQLite's sequencer, which caches it in memory.
HEAD_MOVED = "callvault_head_moved"
#: Moved leaves get negative positions in the outbox, before new events, whose positions are above 0. Below this
#: value: leaves of the original tree. Above it: leaves appended while the tree was truncated.
_MIDDLE = -(1 << 49)
_COPIED = ("id", "account_id", "recording_id", "body", "sealed_detail")
_LAST_LEVEL = 63


def set_back(db: DbConnection, size: int, *, limit: int) -> bool:
    """Move at most ``limit`` leaves from the end of the tree to the outbox; return whether its size is ``size``."""
    _lock_log(db)
    end = _next_index(db)
    if end > size:
        size_now = max(size, end - limit)
        first = db.execute(select(func.min(event_outbox.c.position))).scalar()
        _shorten(db, size_now, place=min(first or 0, _MIDDLE) - (end - size_now))
    return end - limit <= size


def put_leaves(db: DbConnection, start: int, leaves: Sequence[bytes]) -> None:
    """Append leaves unchanged from index ``start`` on; a longer tree is truncated to ``start`` first.

    Raises Tampered if the tree is shorter than ``start``.
    """
    _lock_log(db)
    end = _next_index(db)
    if end > start:
        displaced = select(func.max(event_outbox.c.position)).where(event_outbox.c.position < 0)
        _shorten(db, start, place=max(db.execute(displaced).scalar() or _MIDDLE, _MIDDLE) + 1)
    head = _head(db)
    if head.size != start:
        raise Tampered("The access log is too short: the restored leaves do not continue it.")
    rows = [_row(leaf) for leaf in leaves]
    waiting = delete(event_outbox).where(event_outbox.c.id.in_([row["id"] for row in rows]))
    details = {
        row.id: row.sealed_detail
        for row in db.execute(waiting.returning(event_outbox.c.id, event_outbox.c.sealed_detail))
    }
    _append(db, head, [row | {"sealed_detail": details.get(row["id"])} for row in rows])


def waiting_leaves(db: DbConnection, after: int | None, *, limit: int) -> list[tuple[int, bytes]]:
    """Return position and body of events in the outbox with positions greater than ``after``."""
    o = event_outbox.c
    waiting = select(o.position, o.body).order_by(o.position).limit(limit)
    if after is not None:
        waiting = waiting.where(o.position > after)
    return [(row.position, row.body) for row in db.execute(waiting)]


def take_waiting(db: DbConnection, *, limit: int) -> int:
    """Append at most ``limit`` events from the outbox to the tree; return the count, 0 if the outbox is empty."""
    if is_postgresql(db):
        _lock_log(db)
        return sequence_waiting(db, limit=limit)
    o = event_outbox.c
    columns = [o[name] for name in _COPIED]
    waiting = db.execute(select(o.position, *columns).order_by(o.position).limit(limit)).all()
    if waiting:
        rows = [{name: getattr(row, name) for name in _COPIED} for row in waiting]
        db.execute(delete(event_outbox).where(o.position <= waiting[-1].position))
        # Leaves of the current batch have no nodes yet: the writer adds them at the end of the batch.
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
    """Truncate the tree to ``size`` leaves; move the others to the outbox, from position ``place`` on."""
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
    # Checkpoints, publication and read positions of the moved leaves do not apply to the leaves that replace them.
    db.execute(delete(checkpoints).where(checkpoints.c.size > size))
    db.execute(update(publication).where(publication.c.size > size).values(size=size))
    u = unsettled_sessions
    db.execute(update(u).where(u.c.log_size > size).values(log_size=size))
    db.execute(update(closing_acts).where(closing_acts.c.log_size > size).values(log_size=None))
    UsageRows(db).forget_plays()


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
    """Return a leaf as its row. The caller must have checked that it is an access event."""
    event = json.loads(leaf)
    return {
        "id": event["id"],
        "account_id": event.get("account"),
        "recording_id": event.get("recording"),
        "body": leaf,
        "leaf_hash": leaf_hash(leaf),
    }
