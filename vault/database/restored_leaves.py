"""Leaves of the published log come back into the tree, in the order that they had."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, func, insert, select, text, update

from vault.database.dialect import is_postgresql, log_lock_key
from vault.database.schema import access_events
from vault.database.schema_log import event_outbox, tree_head, tree_nodes
from vault.database.tree_store import STEP, frontier_of
from vault.tlog.hashing import leaf_hash


def append_leaves(db: DbConnection, leaves: Sequence[bytes]) -> None:
    """Append leaves as rows.

    On SQLite the writer grows the tree over them as over all others. On PostgreSQL it is grown here, under
    the sequencer's lock, and events that wait there and are among the leaves keep what is sealed beside them.
    """
    rows = [_row(leaf) for leaf in leaves]
    if not is_postgresql(db):
        start = db.execute(select(func.coalesce(func.max(access_events.c.tree_index) + 1, 0))).scalar_one()
        db.execute(insert(access_events), [row | {"tree_index": start + n} for n, row in enumerate(rows)])
        return
    db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": log_lock_key()})
    waiting = delete(event_outbox).where(event_outbox.c.id.in_([row["id"] for row in rows]))
    details = {
        row.id: row.sealed_detail
        for row in db.execute(waiting.returning(event_outbox.c.id, event_outbox.c.sealed_detail))
    }
    head = db.execute(select(tree_head.c.size, tree_head.c.root, tree_head.c.peaks)).one()
    grown, nodes = frontier_of(*head).extend([row["leaf_hash"] for row in rows], every=STEP)
    placed = [
        row | {"tree_index": head.size + n, "sealed_detail": details.get(row["id"])}
        for n, row in enumerate(rows)
    ]
    db.execute(insert(access_events), placed)
    above = [{"level": n.level, "position": n.index, "hash": n.hash} for n in nodes if n.level]
    if above:
        db.execute(insert(tree_nodes), above)
    db.execute(update(tree_head).values(size=grown.size, root=grown.root(), peaks=b"".join(grown.peaks)))


def _row(leaf: bytes) -> dict[str, Any]:
    """Return a leaf as its row. Who reads it has seen that it is an access event."""
    said = json.loads(leaf)
    return {
        "id": said["id"],
        "account_id": said.get("account"),
        "recording_id": said.get("recording"),
        "body": leaf,
        "leaf_hash": leaf_hash(leaf),
        "sealed_detail": None,
    }
