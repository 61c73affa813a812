"""Recordings whose objects must be compared with their row, and the objects that the rows name.

An object is left over if a process died between creating it and naming it in the row, or if the row was shredded while
a worker was writing. The change that makes that possible notes the recording: a claim that follows another attempt, and
every change that deletes a recording's keys. So the sweep has nothing to do for an archive in which nothing changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.core import recordings
from vault.database.schema.recording_objects import object_checks
from vault.database.sql.dialect import insert_for, sql_now
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import State

_C = object_checks.c


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCheck:
    """A recording to check."""

    recording_id: str
    account_id: str
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObjects:
    """The objects of a recording, as its row names them."""

    state: State
    locations: frozenset[str | None]


def note_object_checks(db: DbConnection, pairs: Iterable[tuple[str, str]]) -> None:
    """Make (recording, account) due for a check now, and again after the grace period."""
    rows = [{"recording_id": recording_id, "account_id": account_id} for recording_id, account_id in pairs]
    if rows:
        now = sql_now(db)
        put = insert_for(db, object_checks).values(noted_at=now, due_at=now)
        again = {"noted_at": put.excluded.noted_at, "due_at": put.excluded.due_at}
        db.execute(put.on_conflict_do_update(index_elements=["recording_id"], set_=again), rows)


class ObjectCheckRows(Rows):
    """The recordings to check."""

    def note(self, recording_id: str, account_id: str) -> None:
        """Make a recording due for a check."""
        note_object_checks(self._db, [(recording_id, account_id)])

    def due(self, *, limit: int) -> Sequence[ObjectCheck]:
        """Return recordings that are due, the longest-waiting first."""
        query = select(_C.recording_id, _C.account_id, _C.noted_at).where(_C.due_at <= sql_now(self._db))
        rows = self._db.execute(query.order_by(_C.due_at).limit(limit))
        return [ObjectCheck(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def done(self, check: ObjectCheck) -> None:
        """Delete a check, unless it was noted again since."""
        self._db.execute(delete(object_checks).where(_is_same(check)))

    def postpone(self, check: ObjectCheck, until: datetime) -> None:
        """Make a check due later, unless it was noted again since."""
        self._db.execute(update(object_checks).where(_is_same(check)).values(due_at=until))

    def named(self, recording_ids: Sequence[str]) -> Mapping[str, NamedObjects]:
        """Return what the existing rows among these name; pass at most some hundred ids."""
        r = recordings.c
        query = select(r.id, r.state, r.audio_location, r.rendition_location).where(r.id.in_(recording_ids))
        return {
            row.id: NamedObjects(
                state=State(row.state), locations=frozenset({row.audio_location, row.rendition_location})
            )
            for row in self._db.execute(query)
        }


def _is_same(check: ObjectCheck) -> ColumnElement[bool]:
    return and_(_C.recording_id == check.recording_id, _C.noted_at == check.noted_at)
