"""What should stand of each recording in the systems of its account, and what stands there, as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, text, tuple_, update
from sqlalchemy import Connection as DbConnection

from vault.database.account_parts.part import of_row, row_of
from vault.database.schema.core import IS_AVAILABLE, recordings
from vault.database.schema.handover import IS_HANDOVER_HELD, IS_UNSETTLED, handovers, integrations
from vault.database.sql.dialect import DatabaseNow, database_now, insert_new
from vault.database.stores.outbox.messages import OutboxRows
from vault.database.stores.rows import Rows
from vault.domain.handover.handover import Desired, HandoverState, StoredHandover, settled
from vault.domain.handover.integration import KIND, REMOVE, WRITE, StoredIntegration, destination_of
from vault.domain.outbox.message import Message

_H, _I = handovers.c, integrations.c
_COLUMNS: Final = [_H[name] for name in StoredHandover.__slots__]
#: As text: SQLite uses the partial index for the very same words alone.
_UNSETTLED: Final = text(f"({IS_UNSETTLED})")
_SETTLED: Final = text(f"(NOT ({IS_UNSETTLED}))")
_HELD: Final = text(f"({IS_HANDOVER_HELD})")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverFilter:
    """A filter on an account's hand-overs. None means any."""

    state: HandoverState | None = None
    integration_id: str | None = None
    recording_id: str | None = None
    #: Only those of which something is still to be done, or only the others.
    is_settled: bool | None = None


class HandoverRows(Rows):
    """Hand-overs in one transaction."""

    def get(self, account_id: str, handover_id: str) -> StoredHandover | None:
        """Return a hand-over of an account."""
        mine = (_H.id == handover_id) & (_H.account_id == account_id)
        return self._first(select(*_COLUMNS).where(mine))

    def lock(self, handover_id: str) -> StoredHandover | None:
        """Return a hand-over that nobody else changes until the end of the transaction."""
        return self._first(select(*_COLUMNS).where(_H.id == handover_id).with_for_update())

    def page(
        self, account_id: str, wanted: HandoverFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[StoredHandover]:
        """Return a page of hand-overs, the newest first."""
        asked = {
            _H.state: wanted.state,
            _H.integration_id: wanted.integration_id,
            _H.recording_id: wanted.recording_id,
        }
        conditions: list[ColumnElement[bool]] = [column == one for column, one in asked.items() if one]
        query = select(*_COLUMNS).where(_H.account_id == account_id, *conditions)
        if wanted.is_settled is not None:
            query = query.where(_SETTLED if wanted.is_settled else _UNSETTLED)
        if before is not None:
            query = query.where(tuple_(_H.created_at, _H.id) < tuple_(*before))
        rows = self._db.execute(query.order_by(_H.created_at.desc(), _H.id.desc()).limit(limit))
        return [_handover(row) for row in rows]

    def add(self, made: Sequence[StoredHandover]) -> int:
        """Add hand-overs of recordings that their integrations do not have yet; return how many those are."""
        rows = [row_of(one, residue=list(one.residue)) | {"queued_at": None} for one in made]
        return insert_new(self._db, handovers, *rows) if rows else 0

    def put(self, handover: StoredHandover) -> None:
        """Write a hand-over that this transaction has locked."""
        values = row_of(handover, residue=list(handover.residue))
        self._db.execute(update(handovers).where(_H.id == handover.id).values(values))

    def release(self, handover_id: str, message_id: str) -> None:
        """Let other messages work on a hand-over, if this one has it."""
        mine = update(handovers).where(_H.id == handover_id, _H.busy_by == message_id)
        self._db.execute(mine.values(busy_by=None, busy_until=None))

    def want(self, recording_id: str, desired: Desired, *, integration_id: str) -> None:
        """Change what should stand of a recording at an integration, and put that into the outbox."""
        mine = (_H.recording_id == recording_id) & (_H.integration_id == integration_id)
        self._queue(_want(self._db, and_(mine, _H.desired != desired), desired))

    def remove(self, recording_id: str) -> None:
        """Let what stands of a recording in other systems be removed there, if nobody has said so yet."""
        remove_handovers_of(self._db, recording_id)

    def rewrite(self, recording_id: str) -> None:
        """Let what stands of a recording in other systems be written there again: a note for them has changed."""
        mine = (_H.recording_id == recording_id) & (_H.desired == "present")
        changed = update(handovers).where(mine, _H.state.in_(["present", "outdated", "unknown"]))
        state = case((_H.state == "present", "outdated"), else_=_H.state)
        changed = changed.values(
            state=state, version=_H.version + 1, changed_at=DatabaseNow(), queued_at=None
        )
        self._queue([_handover(row) for row in self._db.execute(changed.returning(*_COLUMNS))])

    def again(self, handover_id: str) -> None:
        """Put a hand-over into the outbox again: somebody has decided on it."""
        changed = update(handovers).where(_H.id == handover_id).values(version=_H.version + 1)
        self._queue([_handover(row) for row in self._db.execute(changed.returning(*_COLUMNS))])

    def count_missing(
        self, account_id: str, integration: StoredIntegration, *, since: datetime, until: datetime, most: int
    ) -> int:
        """Count the recordings that can be played and came in [since, until) of which it has none, to ``most`` + 1."""
        r = recordings.c
        has = select(_H.id).where(_H.integration_id == integration.id, _H.recording_id == r.id).exists()
        mine = select(r.id).where(
            r.account_id == account_id,
            r.received_at >= since,
            r.received_at < until,
            text(IS_AVAILABLE),
            ~has,
        )
        if integration.policy.connections:
            mine = mine.where(r.connection_id.in_(integration.policy.connections))
        some = mine.limit(most + 1).subquery()
        return int(self._db.execute(select(func.count()).select_from(some)).scalar_one())

    def of_recording(self, recording_id: str) -> Sequence[StoredHandover]:
        """Return the hand-overs of a recording."""
        query = select(*_COLUMNS).where(_H.recording_id == recording_id).order_by(_H.id)
        return [_handover(row) for row in self._db.execute(query)]

    def want_all_absent(self, integration_id: str, limit: int) -> int:
        """Let a batch of what an integration has handed over be removed; return how many those were."""
        some = select(_H.id).where(_H.integration_id == integration_id, _H.desired != "absent").limit(limit)
        return len(_want(self._db, _H.id.in_(some), "absent"))

    def settle(self, integration_id: str, *, after: str, limit: int) -> str | None:
        """Give their last states to a batch of what an ended integration has handed over; None if there is no more.

        The batch begins behind the recording ``after``; the last recording of the batch is returned.
        """
        mine = (_H.integration_id == integration_id) & (_H.recording_id > after)
        query = select(*_COLUMNS).where(mine).order_by(_H.recording_id).limit(limit).with_for_update()
        found = [_handover(row) for row in self._db.execute(query)]
        now = database_now(self._db)
        for one in found:
            if (last := settled(one)) != one:
                self.put(replace(last, changed_at=now, busy_by=None, busy_until=None))
        return found[-1].recording_id if len(found) == limit else None

    def queue(self, integration_id: str, *, writes: bool, since: datetime, limit: int) -> int:
        """Put what waits at an integration into the outbox, removals first; return how many those are.

        What was put there after ``since`` is there. Without ``writes``: only removals, also of the text alone.
        """
        is_due = or_(_H.queued_at.is_(None), _H.queued_at < since)
        query = select(*_COLUMNS).where(_H.integration_id == integration_id, is_due, _UNSETTLED)
        if not writes:
            query = query.where(_H.desired != "present")
        query = query.order_by(_H.desired == "present", _H.created_at, _H.id).limit(limit)
        found = [_handover(row) for row in self._db.execute(query.with_for_update(skip_locked=True))]
        self._queue(found)
        return len(found)

    def counts(self, integration_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Count the hand-overs of integrations by their states; what is to be removed counts as ``removing``."""
        is_removing = (_H.desired == "absent") & _H.state.not_in(["absent", "left"])
        state = case((is_removing, "removing"), else_=_H.state).label("state")
        query = select(_H.integration_id, state, func.count()).where(_H.integration_id.in_(integration_ids))
        found: dict[str, dict[str, int]] = {}
        for integration_id, name, number in self._db.execute(query.group_by(_H.integration_id, state)):
            found.setdefault(integration_id, {})[name] = number
        return found

    def held(self, account_id: str, most: int) -> int:
        """Count the hand-overs of an account on which a person decides, to ``most``."""
        mine = select(_H.id).where(_H.account_id == account_id, _HELD).limit(most).subquery()
        return int(self._db.execute(select(func.count()).select_from(mine)).scalar_one())

    def is_removal_due(self, account_id: str, integration_id: str) -> bool:
        """Return whether something of an integration is to be removed now: that goes before anything is written."""
        destination = destination_of(integration_id, removals=True)
        return OutboxRows(self._db).is_due(destination, account_id)

    def _queue(self, changed: Collection[StoredHandover]) -> None:
        queue_handovers(self._db, changed)

    def _first(self, query: Any) -> StoredHandover | None:
        row = self._db.execute(query).first()
        return None if row is None else _handover(row)


def queue_handovers(db: DbConnection, changed: Collection[StoredHandover]) -> None:
    """Put messages about hand-overs into the outbox, which bring about what is desired of each."""
    if not changed:
        return
    now = database_now(db)
    OutboxRows(db).put(*(_message(one, now) for one in changed))
    db.execute(update(handovers).where(_H.id.in_([one.id for one in changed])).values(queued_at=now))


def remove_handovers_of(db: DbConnection, recording_id: str) -> None:
    """Let what stands of a recording in other systems be removed there: the recording is being erased.

    Its hand-overs outlive it until that is confirmed.
    """
    removed = _want(db, (_H.recording_id == recording_id) & (_H.desired != "absent"), "absent")
    queue_handovers(db, [one for one in removed if one.state != "left"])


def _want(db: DbConnection, condition: ColumnElement[bool], desired: Desired) -> Sequence[StoredHandover]:
    changed = update(handovers).where(condition)
    changed = changed.values(
        desired=desired, version=_H.version + 1, changed_at=DatabaseNow(), queued_at=None
    )
    return [_handover(row) for row in db.execute(changed.returning(*_COLUMNS))]


def _message(handover: StoredHandover, now: datetime) -> Message:
    # A restriction takes the text away, also while nothing is handed over.
    is_removal = handover.desired != "present"
    return Message(
        destination=destination_of(handover.integration_id, removals=is_removal),
        id=handover.message_id,
        account_id=handover.account_id,
        kind=KIND,
        type=REMOVE if is_removal else WRITE,
        at=now,
        content={"handover": handover.id, "version": str(handover.version)},
        recording_id=handover.recording_id,
        outlives_erasure=True,
    )


def _handover(row: Row[Any]) -> StoredHandover:
    return of_row(StoredHandover, row._mapping, residue=tuple(row.residue))  # noqa: SLF001 - SQLAlchemy's public name
