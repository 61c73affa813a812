"""Access events: written to the outbox, and read by their index in the tree; allowances of who has no permission."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, case, delete, func, literal, select, type_coerce, update
from sqlalchemy import Connection as DbConnection

from vault import metrics
from vault.database.schema.access_log import event_outbox, log_allowances
from vault.database.schema.core import MICROSECOND, access_events, links, micros
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, insert_for, is_postgresql
from vault.database.stores.audit_log.closing_acts import ClosingActRows
from vault.database.stores.rows import Rows
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent, parse_event
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.audit_log.log_allowance import INTERVAL, NEEDS_NO_PERMISSION, last_free
from vault.domain.moves.move import Phase
from vault.domain.playback.link import denials_allowed
from vault.errors import Unavailable
from vault.tlog.hashing import leaf_hash

# As text for the driver: every change of a state and every end of a playback appends an event.
_TYPES = {
    "id": "text",
    "account_id": "text",
    "recording_id": "text",
    "body": "bytea",
    "sealed_detail": "bytea",
}
_COLUMNS = tuple(_TYPES)
# Every act is logged. So one that began before its account left for another vault ends here: its rows would be lost.
_IS_HERE = (
    "NOT EXISTS (SELECT 1 FROM account_moves WHERE account_moves.account_id = {} "  # noqa: S608 - our own text
    f"AND account_moves.phase = '{Phase.MOVED}')"
)
_APPEND = (
    f"INSERT INTO event_outbox ({', '.join(_COLUMNS)}) "
    f"SELECT {', '.join(f'%({name})s::{kind}' for name, kind in _TYPES.items())} "
    f"WHERE {_IS_HERE.format('%(acts_on)s::text')}"
)
_APPEND_ALL = (
    f"INSERT INTO event_outbox ({', '.join(_COLUMNS)}) SELECT {', '.join(_COLUMNS)} FROM unnest("  # noqa: S608 - our own column names
    f"{', '.join(f'%({name})s::{kind}[]' for name, kind in _TYPES.items())}, %(acts_on)s::text[]) "
    f"AS event ({', '.join(_COLUMNS)}, acts_on) WHERE {_IS_HERE.format('event.acts_on')}"
)
# SQLite has one writer, so commit order is known while it writes: an event gets its index immediately, and
# a rollback leaves no gap. The writer adds the tree's nodes at the end of its batch.
_APPEND_IN_PLACE = (
    f"INSERT INTO access_events (tree_index, leaf_hash, {', '.join(_COLUMNS)}) "  # noqa: S608 - our own column names
    "SELECT (SELECT coalesce(max(tree_index) + 1, 0) FROM access_events), :leaf_hash, "
    f"{', '.join(f':{name}' for name in _COLUMNS)} WHERE {_IS_HERE.format(':acts_on')}"
)
# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE = 1000
_STEP = INTERVAL // MICROSECOND


# Prometheus shows an increase only of a series that exists before, so every label is created at start.
for _kind in EVENT_TYPES:
    metrics.EVENTS.labels(_kind)


class EventRows(Rows):
    """Access events: appended to the outbox, and read once they are in the tree."""

    def __init__(self, connection: DbConnection, closing: ClosingActRows) -> None:
        """Write events together with the closing acts of the same transaction."""
        super().__init__(connection)
        self._closing = closing
        self._allowances = LogAllowanceRows(connection)

    def append(self, *events: AccessEvent) -> None:
        """Insert events in this transaction. An event that closes something also gets a closing act.

        One that needs no permission is counted in place of it, once its actor has used its allowance. Raises
        Unavailable for an account that has just left this vault.
        """
        taken = [one for one in events if self._allowances.take(one)]
        for event in taken:
            self._closing.note(event)
        self._insert(*({**event_values(event), "acts_on": event.account_id} for event in taken))
        for event in taken:
            metrics.EVENTS.labels(event.type).inc()
            if event.type == "recording.refused":
                metrics.REFUSED.labels(event.result or "unknown").inc()
            elif event.type == "recording.failed":
                metrics.FAILED.labels(event.result or "unknown").inc()

    def append_leaf(self, leaf: bytes) -> None:
        """Insert an event again with its exact bytes, without its sealed detail."""
        event = parse_event(leaf)
        self._insert(event_values(event) | {"body": leaf, "acts_on": None})

    def _insert(self, *rows: Mapping[str, Any]) -> None:
        if not rows:
            return
        cursor = self._db.connection.cursor()
        if not is_postgresql(self._db):
            inserted = 0
            for row in rows:
                cursor.execute(_APPEND_IN_PLACE, {**row, "leaf_hash": leaf_hash(row["body"])})
                inserted += cursor.rowcount
        else:
            if len(rows) == 1:
                cursor.execute(_APPEND, rows[0])
            else:
                cursor.execute(
                    _APPEND_ALL, {name: [row[name] for row in rows] for name in (*_COLUMNS, "acts_on")}
                )
            inserted = cursor.rowcount
        if inserted < len(rows):
            raise Unavailable(
                "The account has just moved to another vault. Repeat the request.", cause="database"
            )
        wake_for_events(self._db)

    def page(
        self, account_id: str, *, recording_id: str | None, start: int, limit: int
    ) -> Sequence[LoggedEvent]:
        """Return an account's events in tree order, from the index ``start`` on."""
        events = access_events.c
        query = select(access_events).where(events.account_id == account_id, events.tree_index >= start)
        if recording_id is not None:
            query = query.where(events.recording_id == recording_id)
        return [_logged(row) for row in self._db.execute(query.order_by(events.tree_index).limit(limit))]

    def newest(
        self, account_id: str, recording_id: str, *, before: int | None, limit: int
    ) -> Sequence[LoggedEvent]:
        """Return the newest events of a recording, newest first, those before an index if there is one."""
        events = access_events.c
        query = select(access_events).where(
            events.account_id == account_id, events.recording_id == recording_id
        )
        if before is not None:
            query = query.where(events.tree_index < before)
        return [
            _logged(row) for row in self._db.execute(query.order_by(events.tree_index.desc()).limit(limit))
        ]

    def waiting(self, account_id: str, recording_id: str) -> Sequence[AccessEvent]:
        """Return the events of a recording that are not in the tree yet, in their order; none on SQLite."""
        o = event_outbox.c
        query = select(o.body).where(o.account_id == account_id, o.recording_id == recording_id)
        return [parse_event(body) for body in self._db.execute(query.order_by(o.position)).scalars()]

    def at(self, account_id: str, index: int) -> LoggedEvent | None:
        """Return an account's event by its index in the tree."""
        mine = (access_events.c.tree_index == index) & (access_events.c.account_id == account_id)
        row = self._db.execute(select(access_events).where(mine)).first()
        return None if row is None else _logged(row)


def wake_for_events(db: DbConnection) -> None:
    """Signal that events were appended; SQLite sequences them with the commit, so the grown head can be signed."""
    wake(db, Work.SEQUENCE if is_postgresql(db) else Work.SIGN)


def event_values(event: AccessEvent) -> dict[str, Any]:
    """Return an event as its row."""
    return {
        "id": event.id,
        "account_id": event.account_id,
        "recording_id": event.recording_id,
        "body": event.body,
        "sealed_detail": event.sealed_detail,
    }


def hashed_values(event: AccessEvent) -> dict[str, Any]:
    """Return an event as its row, with the leaf hash from which SQLite's writer builds the tree."""
    values = event_values(event)
    values["leaf_hash"] = leaf_hash(values["body"])
    return values


def _logged(row: Row[Any]) -> LoggedEvent:
    return LoggedEvent(index=row.tree_index, event=parse_event(row.body, row.sealed_detail), leaf=row.body)


class LogAllowanceRows(Rows):
    """The allowances of actors, and the refusals of links, which are counted in their rows."""

    def take(self, event: AccessEvent) -> bool:
        """Return whether an event is logged: one that needs no permission uses the allowance, or is counted."""
        if event.type not in NEEDS_NO_PERMISSION:
            return True
        # A link that opens no more ends; its sessions, keys and sign-in connections have no such end.
        is_of_link = event.link_id is not None and event.actor == event.link_id
        if self._take_of_link(event) if is_of_link else self._take(event.actor):
            return True
        metrics.DENIALS_NOT_LOGGED.inc()
        return False

    def _take(self, actor: str) -> bool:
        # The database's clock alone: a node whose clock is ahead would use up what the others have.
        now, used = database_now(self._db), log_allowances.c.used_until
        put = insert_for(self._db, log_allowances).values(actor=actor, used_until=now + INTERVAL)
        taken = put.on_conflict_do_update(
            index_elements=["actor"],
            set_={
                "used_until": case(
                    (used > now, type_coerce(used, BigInteger) + _STEP), else_=micros(now) + _STEP
                )
            },
            where=used <= last_free(now),
        ).returning(literal(1))
        return self._db.execute(taken).first() is not None

    def _take_of_link(self, event: AccessEvent) -> bool:
        mine = links.c.id == event.link_id
        row = self._db.execute(
            select(links.c.created_at, links.c.denials).where(mine).with_for_update()
        ).first()
        age = max(database_now(self._db), event.at) - (event.at if row is None else row.created_at)
        if row is None or (row.denials or 0) >= denials_allowed(age):
            return False
        self._db.execute(update(links).where(mine).values(denials=func.coalesce(links.c.denials, 0) + 1))
        return True

    def forget_whole(self, now: datetime) -> bool:
        """Delete a batch of allowances of which nothing is used any more; False if there are none."""
        whole = select(log_allowances.c.actor).where(log_allowances.c.used_until < now).limit(_BATCH_SIZE)
        statement = delete(log_allowances).where(log_allowances.c.actor.in_(whole))
        return bool(self._db.execute(statement).rowcount)
