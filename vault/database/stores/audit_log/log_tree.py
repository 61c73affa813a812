"""The Merkle tree over the access events, for its readers and its sequencer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from vault.database.log_tree.sequencer_postgresql import sequence_waiting, settle
from vault.database.log_tree.stored_tree import STEP, node_of
from vault.database.schema.access_log import event_outbox, tree_head, tree_nodes
from vault.database.schema.core import access_events
from vault.database.sql.dialect import is_postgresql
from vault.database.stores.rows import Rows
from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339
from vault.tlog.tree import Node

_HEAD = select(tree_head.c.size, tree_head.c.root)
_NODES = (
    select(tree_nodes.c.hash)
    .where(
        tree_nodes.c.level == bindparam("level"),
        tree_nodes.c.position >= bindparam("start"),
        tree_nodes.c.position < bindparam("end"),
    )
    .order_by(tree_nodes.c.position)
)
_LEAF_HASHES = (
    select(access_events.c.leaf_hash)
    .where(access_events.c.tree_index >= bindparam("start"), access_events.c.tree_index < bindparam("end"))
    .order_by(access_events.c.tree_index)
)
_WAITING = select(func.count()).select_from(event_outbox)
_OLDEST = select(event_outbox.c.body).order_by(event_outbox.c.position).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf for export."""

    index: int
    #: None for a leaf without an account.
    account_id: str | None
    leaf: bytes
    #: The hash stored when the leaf was appended, not computed again from its bytes.
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """The committed size and root of the tree."""

    size: int
    root: bytes


class TreeRows(Rows):
    """The tree over the access events. Only the sequencer appends to it."""

    def head(self) -> TreeHead:
        """Return the head as of the last commit that moved it."""
        row = self._db.execute(_HEAD).one()
        return TreeHead(size=row.size, root=row.root)

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node. Raises Tampered if it is missing."""
        return node_of(self.hashes, level, index)

    def hashes(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Return the hashes [start, end) of a stored level; fewer if some are missing."""
        if level:
            rows = self._db.execute(_NODES, {"level": level, "start": start, "end": end})
        else:
            rows = self._db.execute(_LEAF_HASHES, {"start": start, "end": end})
        return rows.scalars().all()

    def leaves(self, start: int, end: int) -> Sequence[Leaf]:
        """Return the leaves [start, end) in order. Raises Tampered if one is missing."""
        events = access_events.c
        query = select(events.tree_index, events.account_id, events.body, events.leaf_hash)
        query = query.where(events.tree_index >= start, events.tree_index < end).order_by(events.tree_index)
        rows = self._db.execute(query).all()
        for index in range(start, end):
            if index - start >= len(rows) or rows[index - start].tree_index != index:
                raise Tampered(f"Entry {index} of the access log is missing.")
        return [
            Leaf(index=row.tree_index, account_id=row.account_id, leaf=row.body, hash=row.leaf_hash)
            for row in rows
        ]

    def leaves_of(self, account_id: str, start: int, end: int, *, limit: int) -> Sequence[Leaf]:
        """Return the first ``limit`` leaves of an account among [start, end), in order."""
        events = access_events.c
        query = select(events.tree_index, events.account_id, events.body, events.leaf_hash)
        query = query.where(events.account_id == account_id, events.tree_index >= start)
        query = query.where(events.tree_index < end).order_by(events.tree_index).limit(limit)
        return [
            Leaf(index=row.tree_index, account_id=row.account_id, leaf=row.body, hash=row.leaf_hash)
            for row in self._db.execute(query)
        ]

    def completed(self, start: int, end: int) -> Sequence[Node]:
        """Return the stored inner nodes that the leaves [start, end) completed."""
        nodes: list[Node] = []
        for level in range(STEP, end.bit_length(), STEP):
            first = start >> level
            hashes = self.hashes(level, first, end >> level)
            nodes += [Node(level=level, index=first + n, hash=node) for n, node in enumerate(hashes)]
        return nodes

    def waiting(self) -> int:
        """Return the number of events that wait for the sequencer; 0 on SQLite, which sequences at commit."""
        return self._db.execute(_WAITING).scalar_one() if is_postgresql(self._db) else 0

    def waiting_since(self) -> datetime | None:
        """Return the time of the oldest event that waits for the sequencer; None if there is none."""
        body = self._db.execute(_OLDEST).scalar() if is_postgresql(self._db) else None
        return None if body is None else parse_rfc3339(json.loads(body)["at"])

    def sequence(self, *, limit: int) -> int:
        """Move at most ``limit`` events from the outbox into the tree; return how many were moved.

        On PostgreSQL only one transaction at a time may; another returns 0 immediately. Raises Unavailable if the
        head changed meanwhile, which is only possible without the lock.
        """
        return sequence_waiting(self._db, limit=limit) if is_postgresql(self._db) else 0

    def settle(self) -> None:
        """Move the events of this transaction into the tree with its commit.

        On SQLite every commit does that. On PostgreSQL the sequencer's lock is held until the end, so call this
        last. Raises Unavailable if the lock times out, or if too many other events are in the outbox.
        """
        if is_postgresql(self._db):
            settle(self._db)
