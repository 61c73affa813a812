"""Closing acts: inserted in the transaction of their event, with the state of their objects."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import and_, func, or_, select, update

from vault.batches import batches
from vault.database.schema.access_log import checkpoints, closing_acts, event_outbox, publication, tree_head
from vault.database.schema.consent import consent_events
from vault.database.schema.core import accounts
from vault.database.sql.dialect import insert_new
from vault.database.stores.audit_log.closing_act_conditions import WRITTEN_KINDS, has_row, is_unwritten
from vault.database.stores.consent.consent import refusal_of
from vault.database.stores.rows import Rows
from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.stored.closing_acts import (
    MAX_ACT_BYTES,
    Act,
    closed_by,
    closing_of,
    decode_act,
    encode_act,
    subject_of,
)
from vault.domain.stored.closing_content import MAX_WEIGHT, ConsentRefusal
from vault.errors import TooLarge

_C = closing_acts.c
#: Max ids in one statement.
_BATCH_SIZE: Final = 500
#: Revision of an act adopted by a database without its account; revisions of accounts start at 1.
_NO_ACCOUNT: Final = 0


class ClosingActRows(Rows):
    """Closing acts, inserted by ``Events.append`` in the same transaction, and the state of their objects."""

    def __init__(self, connection: DbConnection) -> None:
        """Begin with no act."""
        super().__init__(connection)
        self._pending: dict[str, Act] = {}
        #: Account and name of the object to which acts are added, and the weight of its acts.
        self._filling: tuple[str | None, str, int] = (None, "", MAX_WEIGHT)
        self._put: Container[str] = ()
        self._read: Callable[[AccessEvent], object] | None = None

    def note(self, event: AccessEvent) -> None:
        """Insert the act of an event that closes something; ignore every other event."""
        if closing_of(event) is None:
            return
        name = closed_by(event)
        if name is None:
            raise ValueError(f"An event {event.type} must have the id of the subject that it closes.")
        if self._read is None:
            raise ValueError(f"An event {event.type} closes something: write it through JournaledDatabase.")
        content = self._read(event)
        act = self._assigned(Act(event=event, leaf=event.body, content=content, batch=event.id))
        row = self._row(act, name)
        if len(row["act"]) > MAX_ACT_BYTES:
            # Before the commit: a restore would not read its object.
            text = f"This change has {len(row['act'])} bytes of ids, references and texts, of at most {MAX_ACT_BYTES}: "
            raise TooLarge(f"{text}name fewer, or send a shorter period.")
        if insert_new(self._db, closing_acts, row):
            self._pending[event.id] = act
        if event.type == "key.destroyed":
            # Permanent objects were sealed under that key. Their content has been re-encrypted: store them again.
            permanent = _of_account(event.account_id) & _C.settled & _C.act.is_not(None)
            self._db.execute(update(closing_acts).where(permanent).values(stored=False))

    def begin(self, put: Container[str], read: Callable[[AccessEvent], object]) -> None:
        """Start a function, and discard the acts of a failed one before it.

        ``put``: objects known to be stored. ``read`` returns the content of the act of an event from its rows.
        """
        self.take()
        self._put, self._read = put, read

    def take(self) -> Sequence[Act]:
        """Return the acts that this transaction inserted or recalled since the last ``take``."""
        taken, self._pending, self._filling = self._pending, {}, (None, "", MAX_WEIGHT)
        return list(taken.values())

    def recall(self, account_id: str | None, kind: EventType, name: str | None = None) -> bool:
        """Recall an account's acts of this kind, or only that of ``name``, that are not known to be stored.

        A service that finds its work done calls this, so that its response guarantees as much as the first one.
        Returns whether there were any.
        """
        mine = ~_C.stored & _C.act.is_not(None) & _of_account(account_id)
        prefix = subject_of(kind, "")
        mine &= _C.subject.startswith(prefix) if name is None else _C.subject == subject_of(kind, name)
        batches = self._db.execute(select(_C.batch).where(mine).distinct()).scalars().all()
        acts = [act for act in self._of_batches(account_id, batches) if act.location not in self._put]
        self._pending |= {act.event.id: act for act in acts}
        return bool(acts)

    def closed_since(self, account_id: str, kind: EventType, name: str, *, since: datetime) -> bool:
        """Return whether an act of this kind closed ``name`` after ``since``. Reads all acts: only for a restore."""
        mine = _of_account(account_id) & (_C.subject == subject_of(kind, name)) & (_C.at > since)
        return self._db.execute(select(_C.event_id).where(mine).limit(1)).first() is not None

    def unknown(self, event_ids: Iterable[str]) -> set[str]:
        """Return those events that have no act in this database."""
        ids = list(event_ids)
        own: set[str] = set()
        for batch in batches(ids, _BATCH_SIZE):
            own |= set(self._db.execute(select(_C.event_id).where(_C.event_id.in_(batch))).scalars())
        return set(ids) - own

    def undone(self, acts: Sequence[Act]) -> set[str]:
        """Return the events of known acts that have no effect in this database.

        A consent refusal's row is deleted with the version of the account's key that sealed it. The permanent
        object was re-encrypted, so if its version is later than the row's, the row will be deleted.
        """
        waiting = self._db.execute(select(_C.event_id).where(~_C.settled, _C.revision == _NO_ACCOUNT))
        undone = {act.event.id for act in acts} & set(waiting.scalars())
        refusals = [(act.event.id, act.content) for act in acts if isinstance(act.content, ConsentRefusal)]
        versions = dict[str, int]()
        for batch in batches(refusals, _BATCH_SIZE):
            ids = [refusal.id for _, refusal in batch]
            c = consent_events.c
            rows = self._db.execute(select(c.id, c.key_version).where(c.id.in_(ids)))
            versions |= {row.id: row.key_version for row in rows}
        return undone | {
            event_id for event_id, refusal in refusals if versions.get(refusal.id, 0) < refusal.key_version
        }

    def any_due(self, before: datetime) -> bool:
        """Return whether ``due(before)`` or ``settleable`` would return acts, or ``place`` would change any."""
        waiting = select(event_outbox.c.id)
        for condition in (
            ~_C.stored & (_C.at < before) & _C.act.is_not(None) & has_row(),
            _C.stored & ~_C.settled & _C.log_size.is_(None) & _C.event_id.not_in(waiting),
        ):
            if self._db.execute(select(_C.event_id).where(condition).limit(1)).first() is not None:
                return True
        return bool(self.settleable(limit=1))

    def due(self, before: datetime, *, limit: int) -> Sequence[Act]:
        """Return acts older than ``before`` that are not known to be stored, always all acts of an object."""
        query = select(_C.account_id, _C.batch).where(
            ~_C.stored, _C.at < before, _C.act.is_not(None), has_row()
        )
        places = self._db.execute(query.distinct().limit(limit)).all()
        return [act for place in places for act in self._of_batches(place.account_id, [place.batch])]

    def stored(self, acts: Iterable[Act]) -> None:
        """Mark the objects of these acts as stored."""
        for account_id, batch in dict.fromkeys((act.event.account_id, act.batch) for act in acts):
            mine = _of_account(account_id) & (_C.batch == batch)
            self._db.execute(update(closing_acts).where(mine).values(stored=True))

    def place(self) -> None:
        """Set a log size that includes the leaves of stored acts; acts whose events are in the outbox must wait."""
        size = select(tree_head.c.size).scalar_subquery()
        mine = _C.stored & ~_C.settled & _C.log_size.is_(None)
        waiting = select(event_outbox.c.id)
        self._db.execute(update(closing_acts).where(mine, _C.event_id.not_in(waiting)).values(log_size=size))

    def settleable(self, *, limit: int) -> Sequence[Act]:
        """Return acts of at most ``limit`` objects that the log, an account's object or a tombstone contains too.

        The log contains an act once its leaf is published and anchored: leaves of a lost history are not.
        """
        written = select(accounts.c.written_revision).where(accounts.c.id == _C.account_id).scalar_subquery()
        open_rows = _C.stored & ~_C.settled
        newest = select(checkpoints.c.size).where(checkpoints.c.anchored_at.is_not(None))
        anchored = newest.order_by(checkpoints.c.size.desc()).limit(1).scalar_subquery()
        waits = or_(
            _C.log_size.is_(None),
            _C.log_size > select(publication.c.size).scalar_subquery(),
            _C.log_size > func.coalesce(anchored, 0),
            _C.revision == _NO_ACCOUNT,
            and_(_C.revision.is_not(None), func.coalesce(written, -1) < _C.revision),
            *(is_unwritten(kind) for kind in WRITTEN_KINDS),
        )
        held = select(_C.batch).where(open_rows, waits)
        query = (
            select(_C.account_id, _C.batch).where(open_rows, _C.batch.not_in(held)).distinct().limit(limit)
        )
        places = self._db.execute(query).all()
        return [act for place in places for act in self._of_batches(place.account_id, [place.batch])]

    def settled(self, acts: Iterable[Act]) -> None:
        """Mark acts as settled: they need no object any more, except the permanent one of a permanent act."""
        for act in acts:
            values = {"settled": True, **({"batch": act.batch} if act.is_permanent else {"act": None})}
            self._db.execute(update(closing_acts).where(_C.event_id == act.event.id).values(values))

    def adopt(self, act: Act) -> bool:
        """Insert or update an act read from the object store; return whether its event was unknown."""
        closing = CLOSING[act.event.type]
        row = self._row(act, closed_by(act.event)) | {"stored": True, "settled": act.is_permanent}
        if closing.until != "always" and not self._has_account(act.event):
            row["revision"] = _NO_ACCOUNT
        if insert_new(self._db, closing_acts, row):
            return True
        mine = (_C.event_id == act.event.id) & (_C.batch.is_(None) | (_C.revision == _NO_ACCOUNT))
        values = {name: row[name] for name in ("batch", "act", "subject", "settled", "revision")}
        self._db.execute(update(closing_acts).where(mine).values(values))
        if act.is_permanent:
            # It may have been re-encrypted since, and its row here may have been deleted.
            same = (_C.event_id == act.event.id) & (_C.batch == act.batch) & _C.settled
            self._db.execute(update(closing_acts).where(same).values(act=row["act"]))
        return False

    def logged(self, leaves: Iterable[bytes]) -> None:
        """Insert, as settled, the acts of leaves of the published log that were restored into the tree."""
        rows = []
        for leaf in leaves:
            event = parse_event(leaf)
            if closing_of(event) is not None:
                rows.append(
                    {
                        "event_id": event.id, "account_id": event.account_id, "subject": None, "batch": None,
                        "act": None, "at": event.at, "revision": None, "log_size": None, "stored": True,
                        "settled": True,
                    }
                )  # fmt: skip
        for batch in batches(rows, _BATCH_SIZE):
            insert_new(self._db, closing_acts, *batch)

    def _assigned(self, act: Act) -> Act:
        """Return the act, assigned to the current object or, if that is full, to a new one named by its event."""
        account_id, batch, weight = self._filling
        if account_id != act.event.account_id or weight + act.weight > MAX_WEIGHT:
            batch, weight = act.event.id, 0
        self._filling = (act.event.account_id, batch, weight + act.weight)
        return replace(act, batch=batch)

    def _row(self, act: Act, name: str | None) -> dict[str, Any]:
        event = act.event
        subject = None if name is None else subject_of(event.type, name)
        return {
            "event_id": event.id, "account_id": event.account_id, "subject": subject, "batch": act.batch,
            "act": encode_act(act), "at": event.at, "revision": self._revision(event), "log_size": None,
            "stored": False, "settled": False,
        }  # fmt: skip

    def _revision(self, event: AccessEvent) -> int | None:
        """Return the revision of the account's object that will contain this act too, if settling waits for it."""
        if CLOSING[event.type].until != "account_object":
            return None
        return self._db.execute(select(accounts.c.revision).where(accounts.c.id == event.account_id)).scalar()

    def _has_account(self, event: AccessEvent) -> bool:
        mine = accounts.c.id == event.account_id
        return (
            event.account_id is None
            or self._db.execute(select(accounts.c.id).where(mine)).first() is not None
        )

    def _of_batches(self, account_id: str | None, batches: Sequence[str]) -> list[Act]:
        query = select(_C.batch, _C.act, _C.settled).where(
            _of_account(account_id), _C.batch.in_(batches), _C.act.is_not(None)
        )
        rows = self._db.execute(query.order_by(_C.at, _C.event_id)).all()
        return [
            self._with_current_content(
                replace(decode_act(row.act, batch=row.batch), is_permanent=row.settled)
            )
            for row in rows
        ]

    def _with_current_content(self, act: Act) -> Act:
        """Return the act with the current content of its row: a rotation of the account's key re-encrypts it."""
        refusal = refusal_of(self._db, act.content.id) if isinstance(act.content, ConsentRefusal) else None
        return act if refusal is None else replace(act, content=refusal)


def _of_account(account_id: str | None) -> Any:
    return _C.account_id.is_(None) if account_id is None else _C.account_id == account_id
