"""Notes and bookmarks of a recording: one's own, and those of listeners who cannot sign in any more.

A note is sealed under the key of its recording. So the erasure of the recording is the erasure of its notes, also in
copies of the database, and a rotation of the account's key needs to do nothing for them. A note is its author's alone.
After the author has left, it is still personal data of the parties of the call, and somebody must be able to read it:
to answer for it, and to decide on the recording.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.stores.recordings.recording_notes import FormerNote
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.playback.note import MAX_NOTES, Note, NoteContent, SealedNote, checked_content
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.sign_in.connection import decode_profile
from vault.errors import Busy, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.lifecycle.guards import forbid_held_recording
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.sealed_notes import NO_RECORDING, open_note, recording_with_notes, seal_note

_NO_NOTE = "There is no such note of yours."


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNotes:
    """Keep what listeners write down of a recording. Each sees their own notes alone."""

    database: Database
    ring: KeyRing
    data_keys: AccountDataKeys
    clock: Clock

    async def list(self, account_id: str, recording_id: str, *, author: str) -> Sequence[Note]:
        """Return the author's notes by their moment. Raises NotFound, RecordingErased, Tampered, Unavailable."""
        opened = await self._open(account_id, recording_id)
        rows = await self.database.read(
            lambda tx: tx.recording_notes.of_author(account_id, recording_id, author)
        )
        notes = [open_note(opened, row) async for row in paced(rows)]
        return sorted(notes, key=lambda note: (note.content.at, note.id))

    async def has_crm(self, account_id: str) -> bool:
        """Return whether the account has calls handed over, so that notes can be."""
        found = await self.database.read(lambda tx: tx.integrations.of_account(account_id))
        return any(one.state in {"active", "paused"} for one in found)

    async def add(self, account_id: str, recording_id: str, content: NoteContent, *, author: str) -> Note:
        """Make a note, or a bookmark. Raises NotFound, Invalid, Refused."""
        opened = await self._open(account_id, recording_id)
        content, now = checked_content(content, opened.recording.duration), self.clock()
        note = Note(id=new_id("note"), content=content, made_at=now, changed_at=now)
        row, event = seal_note(opened, note, author), await self._event("note.made", opened, note, author)

        def add(tx: Transaction) -> None:
            _lock(tx, opened.recording)
            if tx.recording_notes.count(recording_id, author) >= MAX_NOTES:
                text = f"You have {MAX_NOTES} notes on this recording, the maximum. Delete one first."
                raise Refused(text, reasons=("too_many_notes",))
            tx.recording_notes.add(row)
            _tell_crm(tx, row)
            tx.events.append(event)

        await self.database.write(add)
        return note

    async def change(
        self,
        account_id: str,
        recording_id: str,
        note_id: str,
        change: Callable[[NoteContent], NoteContent],
        *,
        author: str,
    ) -> Note:
        """Change a note. An unchanged content stays. Raises NotFound, Invalid, Refused, Held, Busy."""
        opened = await self._open(account_id, recording_id)
        before = await self._own(opened, note_id, author)
        known = open_note(opened, before)
        content = checked_content(change(known.content), opened.recording.duration)
        if content == known.content:
            return known
        note = replace(known, content=content, changed_at=self.clock())
        after, event = (
            seal_note(opened, note, author),
            await self._event("note.changed", opened, note, author),
        )

        def put(tx: Transaction) -> None:
            _lock(tx, opened.recording)
            # A note is a part of what a hold keeps.
            forbid_held_recording(tx, opened.recording)
            if not tx.recording_notes.replace(before, after):
                raise Busy("Another request changed this note. Send the request again.", retry_after=1)
            _tell_crm(tx, before, after)
            tx.events.append(event)

        await self.database.write(put)
        return note

    async def delete(self, account_id: str, recording_id: str, note_id: str, *, author: str) -> None:
        """Delete a note. Raises NotFound, also if it is deleted already, Refused, Held."""
        opened = await self._open(account_id, recording_id)
        row = await self._own(opened, note_id, author)
        event = await self._event("note.deleted", opened, open_note(opened, row), author)

        def delete(tx: Transaction) -> None:
            _lock(tx, opened.recording)
            # A note is a part of what a hold keeps.
            forbid_held_recording(tx, opened.recording)
            if not tx.recording_notes.delete(row.id):
                raise NotFound(_NO_NOTE)
            _tell_crm(tx, row)
            tx.events.append(event)

        await self.database.write(delete)

    async def _open(self, account_id: str, recording_id: str) -> OpenedRecording:
        """Return an available recording with its key. Raises NotFound, RecordingErased, Tampered, Unavailable."""

        def read(tx: Transaction) -> tuple[Recording, RecordingKeys]:
            recording = recording_with_notes(tx, account_id, recording_id)
            keys = tx.recordings.keys(recording_id)
            if keys is None:
                raise NotFound(NO_RECORDING)
            return recording, keys

        return await open_recording(self.ring, *await self.database.read(read))

    async def _own(self, opened: OpenedRecording, note_id: str, author: str) -> SealedNote:
        account_id, recording_id = opened.recording.account_id, opened.recording.id
        row = await self.database.read(
            lambda tx: tx.recording_notes.get(account_id, recording_id, author, note_id)
        )
        if row is None:
            raise NotFound(_NO_NOTE)
        return row

    async def _event(self, kind: EventType, opened: OpenedRecording, note: Note, author: str) -> AccessEvent:
        """Return the event. Its detail has no text: the log outlives the recording."""
        event_id, account_id = new_id("evt"), opened.recording.account_id
        detail = {"note": note.id, "at": f"{note.content.at:g}"}
        return AccessEvent(
            id=event_id,
            type=kind,
            at=note.changed_at if kind != "note.deleted" else self.clock(),
            account_id=account_id,
            actor=author,
            recording_id=opened.recording.id,
            sealed_detail=await self.data_keys.seal_detail(account_id, event_id, detail),
        )


def _tell_crm(tx: Transaction, *rows: SealedNote) -> None:
    """Let what was handed over of the recording follow a change of a note that is for the CRM, or was."""
    if any(row.for_crm for row in rows):
        tx.handovers.rewrite(rows[0].recording_id)


def _lock(tx: Transaction, recording: Recording) -> None:
    """Take the locks under which the recording is not erased, and look at it again.

    Raises NotFound, RecordingErased, Busy, and Refused for a restricted one: nothing of it is changed until then.
    """
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    found = recording_with_notes(tx, recording.account_id, recording.id)
    if found.audio != recording.audio:
        # Its key was replaced with it, which sealed the note.
        raise Busy(
            "The audio of the recording was replaced meanwhile. Send the request again.", retry_after=1
        )
    if found.restricted:
        text = "The recording is restricted, so notes on it cannot be made or changed until that is lifted."
        raise Refused(text, reasons=("restricted",))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftNote:
    """A note with its author."""

    note: Note
    #: The id of the person or of the API key.
    author: str
    #: The name of the person or of the key; None if only the removal of the person is known.
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerNotes:
    """Read what former listeners wrote down: removed members, people of a deleted sign-in connection, revoked keys."""

    database: Database
    ring: KeyRing
    data_keys: PeopleKeys
    clock: Clock

    async def page(
        self, account_id: str, recording_id: str, *, after: str, limit: int, actor: str
    ) -> Sequence[LeftNote]:
        """Return notes by their ids, those after ``after``. If there are any, that they were read is logged before.

        Raises NotFound, RecordingErased, Refused for a recording that is not available, Tampered, Unavailable.
        """

        def read(tx: Transaction) -> tuple[Recording, RecordingKeys, Sequence[FormerNote]]:
            recording = recording_with_notes(tx, account_id, recording_id)
            keys = tx.recordings.keys(recording_id)
            if keys is None:
                raise NotFound(NO_RECORDING)
            found = tx.recording_notes.of_former(account_id, recording_id, after=after, limit=limit)
            return recording, keys, found

        recording, keys, found = await self.database.read(read)
        if not found:
            return []
        event = AccessEvent(
            type="note.read", at=self.clock(), account_id=account_id, actor=actor, recording_id=recording_id
        )
        await self.database.write(lambda tx: tx.events.append(event))
        opened = await open_recording(self.ring, recording, keys)
        names = await self._names(found)
        return [
            LeftNote(
                note=open_note(opened, one.note), author=one.note.author, name=names.get(one.note.author)
            )
            async for one in paced(found)
        ]

    async def _names(self, found: Sequence[FormerNote]) -> Mapping[str, str]:
        """Return the names of authors."""
        names: dict[str, str] = {}
        async for one in paced(found):
            if one.note.author in names:
                continue
            if one.key_name is not None:
                names[one.note.author] = one.key_name
            elif one.person_account is not None:
                text = await self.data_keys.open_words(one.person_account, "member", one.sealed_profile)
                if text is not None:
                    names[one.note.author] = decode_profile(text).name
        return names
