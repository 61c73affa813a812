"""Notes on recordings. They are deleted with the keys of their recording, by the statement below."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Select, delete, func, insert, select, update

from vault.database.schema.recording_notes import recording_notes
from vault.domain.playback.note import MAX_NOTES, SealedNote

_N = recording_notes.c


class NoteRows:
    """Notes. A caller that adds, changes or deletes one has the locks of the account and of the call."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def of_author(self, account_id: str, recording_id: str, author: str) -> Sequence[SealedNote]:
        """Return an author's notes on a recording, in no order."""
        query = _of_author(account_id, recording_id, author).limit(MAX_NOTES)
        return [SealedNote(**row) for row in self._db.execute(query).mappings()]

    def get(self, account_id: str, recording_id: str, author: str, note_id: str) -> SealedNote | None:
        """Return one of an author's notes on a recording."""
        query = _of_author(account_id, recording_id, author).where(_N.id == note_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else SealedNote(**row)

    def of_recording(
        self, account_id: str, recording_id: str, *, after: str, limit: int
    ) -> Sequence[SealedNote]:
        """Return a page of all notes on a recording, by id."""
        mine = (_N.account_id == account_id) & (_N.recording_id == recording_id) & (_N.id > after)
        rows = self._db.execute(select(recording_notes).where(mine).order_by(_N.id).limit(limit)).mappings()
        return [SealedNote(**row) for row in rows]

    def count(self, recording_id: str, author: str) -> int:
        """Return how many notes an author has on a recording."""
        mine = (_N.recording_id == recording_id) & (_N.author == author)
        return self._db.execute(select(func.count()).select_from(recording_notes).where(mine)).scalar_one()

    def add(self, note: SealedNote) -> None:
        """Insert a note."""
        self._db.execute(
            insert(recording_notes).values({name: getattr(note, name) for name in SealedNote.__slots__})
        )

    def replace(self, before: SealedNote, after: SealedNote) -> bool:
        """Write a note's new content; False if another request has changed or deleted it."""
        mine = (_N.id == before.id) & (_N.sealed_note == before.sealed_note)
        values = {"sealed_note": after.sealed_note, "changed_at": after.changed_at}
        return self._db.execute(update(recording_notes).where(mine).values(values)).rowcount == 1

    def delete(self, note_id: str) -> bool:
        """Delete a note; False if another request has."""
        return self._db.execute(delete(recording_notes).where(_N.id == note_id)).rowcount == 1


def _of_author(account_id: str, recording_id: str, author: str) -> Select[Any]:
    mine = (_N.account_id == account_id) & (_N.recording_id == recording_id) & (_N.author == author)
    return select(recording_notes).where(mine)


def forget_notes(connection: DbConnection, recording_id: str) -> None:
    """Delete every note on a recording whose keys are deleted."""
    connection.execute(delete(recording_notes).where(_N.recording_id == recording_id))
