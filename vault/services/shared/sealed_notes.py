"""Seal and open notes under the key of their recording."""

from vault.domain.playback.note import Note, SealedNote
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.note_json import decode_note, encode_note
from vault.sealing.message import open_message, seal
from vault.services.shared.encrypted_fields import OpenedRecording


def seal_note(opened: OpenedRecording, note: Note, author: str) -> SealedNote:
    """Return the row of a note."""
    recording = opened.recording
    context = bound.of_note(recording.account_id, recording.id, note.id)
    return SealedNote(
        id=note.id,
        account_id=recording.account_id,
        recording_id=recording.id,
        author=author,
        sealed_note=seal(opened.key, context, encode_note(note.content)),
        made_at=note.made_at,
        changed_at=note.changed_at,
    )


def open_note(opened: OpenedRecording, row: SealedNote) -> Note:
    """Open the row of a note. Raises Tampered."""
    context = bound.of_note(row.account_id, row.recording_id, row.id)
    content = decode_note(open_message(opened.key, row.sealed_note, context=context))
    return Note(id=row.id, content=content, made_at=row.made_at, changed_at=row.changed_at)
