"""Pauses of recordings while their calls go on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, insert, or_, select, update

from vault.database.schema.calls import call_facts
from vault.database.schema.card_data import recording_pauses
from vault.database.schema.core import connections, recordings
from vault.database.signals import Work, wake
from vault.database.sql.dialect import is_postgresql, sql_now
from vault.database.stores.rows import Rows
from vault.domain.recordings.pause import MAX_PAUSES, EndCause, RecordingPause

_P = recording_pauses.c


class RecordingPauseRows(Rows):
    """The pauses of calls, in one transaction."""

    def add(self, pause: RecordingPause, *, again_in: timedelta) -> None:
        """Insert one; a worker looks at it after ``again_in``."""
        values = {name: getattr(pause, name) for name in RecordingPause.__slots__}
        values["not_before"] = sql_now(self._db, again_in)
        self._db.execute(insert(recording_pauses).values(**values))
        wake(self._db, Work.RECORDING_PAUSES, after=again_in)

    def change(self, pause: RecordingPause, *, again_in: timedelta | None, **values: Any) -> RecordingPause:
        """Change one, and return it; a worker looks at it after ``again_in``, or never again."""
        not_before = None if again_in is None else sql_now(self._db, again_in)
        changed = update(recording_pauses).where(_P.id == pause.id).values(**values, not_before=not_before)
        self._db.execute(changed)
        if again_in is not None:
            wake(self._db, Work.RECORDING_PAUSES, after=again_in)
        return replace(pause, **values)

    def end(
        self, pause: RecordingPause, *, by: str, cause: EndCause, again_in: timedelta
    ) -> RecordingPause | None:
        """End one that nobody has ended, and return it; a worker looks at it after ``again_in``."""
        ended = update(recording_pauses).where(_P.id == pause.id, _P.ended_at.is_(None))
        ended = ended.values(
            ended_at=sql_now(self._db), ended_by=by, end_cause=cause, attempts=0,
            not_before=sql_now(self._db, again_in),
        )  # fmt: skip
        row = self._db.execute(ended.returning(recording_pauses)).mappings().first()
        wake(self._db, Work.RECORDING_PAUSES, after=again_in)
        return None if row is None else _pause(row)

    def get(self, account_id: str, call_ref: str, pause_id: str) -> RecordingPause | None:
        """Return a pause of a call."""
        mine = (_P.account_id == account_id) & (_P.call_ref == call_ref) & (_P.id == pause_id)
        row = self._db.execute(select(recording_pauses).where(mine)).mappings().first()
        return None if row is None else _pause(row)

    def of_call(self, account_id: str, call_ref: str) -> Sequence[RecordingPause]:
        """Return the pauses of a call, MAX_PAUSES at most, oldest first."""
        mine = (_P.account_id == account_id) & (_P.call_ref == call_ref)
        query = select(recording_pauses).where(mine).order_by(_P.asked_at, _P.id).limit(MAX_PAUSES)
        return [_pause(row) for row in self._db.execute(query).mappings()]

    def claim(self, *, lease: timedelta) -> RecordingPause | None:
        """Claim a pause that is due; no other worker gets it for ``lease``."""
        due = select(_P.id).where(_P.not_before <= sql_now(self._db)).order_by(_P.not_before).limit(1)
        if is_postgresql(self._db):
            due = due.with_for_update(skip_locked=True)
        found = self._db.execute(due).scalar()
        if found is None:
            return None
        claimed = update(recording_pauses).where(_P.id == found).values(not_before=sql_now(self._db, lease))
        row = self._db.execute(claimed.returning(recording_pauses)).mappings().one()
        wake(self._db, Work.RECORDING_PAUSES, after=lease)
        return _pause(row)

    def connection_of(self, account_id: str, call_ref: str) -> str | None:
        """Return the connection of the account that told of a call last; None if none did, or it was deleted."""
        f, r, c = call_facts.c, recordings.c, connections.c
        told = select(f.delivery).where(f.account_id == account_id, f.call_ref == call_ref)
        named = [text.partition("/")[0] for text in self._db.execute(told.order_by(f.at.desc())).scalars()]
        announced = select(r.connection_id).where(r.account_id == account_id, r.call_ref == call_ref)
        named += [one for one in self._db.execute(announced.limit(1)).scalars() if one is not None]
        mine = select(c.id).where(c.account_id == account_id, c.id.in_(named))
        known = set(self._db.execute(mine).scalars())
        return next((one for one in named if one in known), None)

    def is_known(self, account_id: str, call_ref: str) -> bool:
        """Return whether facts or a recording of a call are stored."""
        f, r = call_facts.c, recordings.c
        facts = select(f.id).where(f.account_id == account_id, f.call_ref == call_ref).exists()
        recorded = select(r.id).where(r.account_id == account_id, r.call_ref == call_ref).exists()
        return bool(self._db.execute(select(or_(facts, recorded))).scalar())


def _pause(row: RowMapping) -> RecordingPause:
    return RecordingPause(**{name: row[name] for name in RecordingPause.__slots__})
