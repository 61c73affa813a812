"""Notes on recordings. They are deleted with the keys of their recording, by the statement below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from vault.database.schema.accounts import api_keys
from vault.database.schema.playback import recording_notes
from vault.database.schema.sign_in import people, sign_in_connections
from vault.database.stores.rows import Rows
from vault.domain.playback.note import MAX_FOR_CRM, MAX_NOTES, SealedNote

_N, _P, _C, _K = recording_notes.c, people.c, sign_in_connections.c, api_keys.c


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerNote:
    """A note whose author cannot sign in any more, with what is known of the author."""

    note: SealedNote
    #: The name of a revoked API key; None for a person.
    key_name: str | None
    #: The account of a person, OPERATORS for an operator, and the sealed profile.
    person_account: str | None
    sealed_profile: str | None


class NoteRows(Rows):
    """Notes. A caller that adds, changes or deletes one has the locks of the account and of the call."""

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

    def of_former(
        self, account_id: str, recording_id: str, *, after: str, limit: int
    ) -> Sequence[FormerNote]:
        """Return a page of the notes on a recording whose authors cannot sign in any more, by id.

        These are removed members, people of a deleted sign-in connection, and revoked API keys.
        """
        mine = (_N.account_id == account_id) & (_N.recording_id == recording_id) & (_N.id > after)
        left = _P.removed_at.is_not(None) | (_P.id.is_not(None) & _C.id.is_(None))
        query = (
            select(recording_notes, _K.name.label("key_name"), _P.account_id.label("of"), _P.sealed_profile)
            .outerjoin(people, _P.id == _N.author)
            .outerjoin(sign_in_connections, _C.id == _P.connection_id)
            .outerjoin(api_keys, _K.id == _N.author)
            .where(mine, left | _K.revoked_at.is_not(None))
        )
        return [
            FormerNote(
                note=SealedNote(**{name: row[name] for name in SealedNote.__slots__}),
                key_name=row["key_name"],
                person_account=row["of"],
                sealed_profile=row["sealed_profile"],
            )
            for row in self._db.execute(query.order_by(_N.id).limit(limit)).mappings()
        ]

    def for_crm(self, account_id: str, recording_id: str) -> Sequence[SealedNote]:
        """Return the notes on a recording that their authors let be handed over, the first MAX_FOR_CRM made."""
        mine = (_N.account_id == account_id) & (_N.recording_id == recording_id) & _N.for_crm
        query = select(recording_notes).where(mine).order_by(_N.made_at, _N.id).limit(MAX_FOR_CRM)
        return [SealedNote(**row) for row in self._db.execute(query).mappings()]

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
        names = ("sealed_note", "for_crm", "changed_at")
        values = {name: getattr(after, name) for name in names}
        return self._db.execute(update(recording_notes).where(mine).values(values)).rowcount == 1

    def reseal(self, notes: Sequence[SealedNote]) -> None:
        """Write notes that another key seals now; all else of them stays."""
        query = (
            update(recording_notes).where(_N.id == bindparam("of")).values(sealed_note=bindparam("sealed"))
        )
        self._db.execute(query, [{"of": note.id, "sealed": note.sealed_note} for note in notes])

    def delete(self, note_id: str) -> bool:
        """Delete a note; False if another request has."""
        return self._db.execute(delete(recording_notes).where(_N.id == note_id)).rowcount == 1


def _of_author(account_id: str, recording_id: str, author: str) -> Select[Any]:
    mine = (_N.account_id == account_id) & (_N.recording_id == recording_id) & (_N.author == author)
    return select(recording_notes).where(mine)


def forget_notes(connection: DbConnection, recording_id: str) -> None:
    """Delete every note on a recording whose keys are deleted."""
    connection.execute(delete(recording_notes).where(_N.recording_id == recording_id))
