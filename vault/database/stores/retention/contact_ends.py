"""Ends of contacts, by recording."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select

from vault.database.schema.core import recordings
from vault.database.schema.retention import contact_ends
from vault.database.sql.dialect import insert_for
from vault.database.stores.retention.hold_conditions import named_by
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import EMPTY
from vault.domain.retention.hold import RecordingSelection
from vault.domain.retention.terms import ContactEnd

_COLUMNS = ContactEnd.__slots__
#: States in which nothing is left that a period could end for.
_LEFT = [str(state) for state in sorted(EMPTY)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRecording:
    """A recording of a contact, and what is known of the contact's end."""

    id: str
    call_ref: str
    end: ContactEnd | None


class ContactEndRows(Rows):
    """Ends of contacts. To write one, hold the account's exclusive lock, so that no erasure runs meanwhile."""

    def count(self, account_id: str, named: RecordingSelection) -> int:
        """Return how many recordings a contact has that are not erased, refused or failed."""
        query = select(func.count()).select_from(recordings).where(_of_contact(account_id, named))
        return int(self._db.execute(query).scalar_one())

    def page(
        self, account_id: str, named: RecordingSelection, *, after: str, limit: int
    ) -> Sequence[NamedRecording]:
        """Return these recordings, ordered by id."""
        r = recordings.c
        query = select(r.id, r.call_ref).where(_of_contact(account_id, named), r.id > after)
        rows = self._db.execute(query.order_by(r.id).limit(limit)).all()
        ends = self.of_recordings([row.id for row in rows])
        return [NamedRecording(id=row.id, call_ref=row.call_ref, end=ends.get(row.id)) for row in rows]

    def of_recordings(self, recording_ids: Sequence[str]) -> dict[str, ContactEnd]:
        """Return the ends that are known of at most some hundred recordings, by recording."""
        mine = contact_ends.c.recording_id.in_(recording_ids)
        rows = self._db.execute(select(contact_ends).where(mine)).mappings()
        return {row["recording_id"]: ContactEnd(**{name: row[name] for name in _COLUMNS}) for row in rows}

    def put(self, end: ContactEnd) -> bool:
        """Write an end, unless a later one is known; return whether it was written."""
        values = {name: getattr(end, name) for name in _COLUMNS}
        changed = {name: values[name] for name in ("ended_at", "told_at", "told_by")}
        upsert = insert_for(self._db, contact_ends).values(values)
        earlier = contact_ends.c.told_at <= end.told_at
        query = upsert.on_conflict_do_update(index_elements=["recording_id"], set_=changed, where=earlier)
        return bool(self._db.execute(query).rowcount)

    def remove(self, recording_id: str) -> None:
        """Delete it, with its recording's erasure."""
        self._db.execute(delete(contact_ends).where(contact_ends.c.recording_id == recording_id))


def _of_contact(account_id: str, named: RecordingSelection) -> ColumnElement[bool]:
    return named_by(account_id, named) & recordings.c.state.not_in(_LEFT)
