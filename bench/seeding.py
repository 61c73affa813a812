"""Fills an access log on SQLite with true leaves, nodes and a head, much faster than events happen.

The rows are those that the vault itself would have written: it opens the file as a log in order, and every
proof verifies.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from vault.database.engines.migrate import migrate_sqlite
from vault.database.log_tree.stored_tree import STEP
from vault.domain.audit_log.access_event import AccessEvent
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier

ACCOUNT_ID = "acct_bench"
_RECORDING_ID = "rec_bench"
_AT_ONCE = 10_000
_PLACE = "evt_00000000000000000000000000"
_EVENT = """
INSERT INTO access_events (tree_index, id, account_id, recording_id, body, leaf_hash) VALUES (?, ?, ?, ?, ?, ?)
"""
_NODE = "INSERT INTO tree_nodes (level, position, hash) VALUES (?, ?, ?)"
_HEAD = "UPDATE tree_head SET size = ?, root = ?, peaks = ?"


def event_bodies(start: int, end: int) -> list[bytes]:
    """Return the bodies of the grants [start, end): as long as real ones, each with an id of its own."""
    event = AccessEvent(
        id=_PLACE, type="playback.grant", at=datetime.now(UTC), account_id=ACCOUNT_ID, recording_id=_RECORDING_ID,
        actor="sess_bench", link_id="link_bench", session_id="sess_bench", first=0, end=65536,
    )  # fmt: skip
    before, after = event.body.split(_PLACE.encode())
    return [b"%bevt_%026d%b" % (before, number, after) for number in range(start, end)]


def seed_log(path: Path, size: int) -> None:
    """Create a database whose access log has ``size`` events."""
    migrate_sqlite(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # Nobody needs this file after a crash.
        connection.execute("PRAGMA synchronous=OFF").fetchone()
        frontier = Frontier()
        for start in range(0, size, _AT_ONCE):
            frontier = _add(connection, frontier, event_bodies(start, min(size, start + _AT_ONCE)))
        head = (frontier.size, frontier.root(), b"".join(frontier.peaks))
        connection.execute(_HEAD, head)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()


def _add(connection: sqlite3.Connection, frontier: Frontier, bodies: list[bytes]) -> Frontier:
    hashes = [leaf_hash(body) for body in bodies]
    grown, nodes = frontier.extend(hashes, every=STEP)
    places = range(frontier.size, grown.size)
    connection.execute("BEGIN")
    connection.executemany(
        _EVENT,
        (
            (place, f"evt_{place:026}", ACCOUNT_ID, _RECORDING_ID, body, leaf)
            for place, body, leaf in zip(places, bodies, hashes, strict=True)
        ),
    )
    connection.executemany(_NODE, ((node.level, node.index, node.hash) for node in nodes if node.level))
    connection.execute("COMMIT")
    return grown
