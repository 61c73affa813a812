"""Seal and open notes under the key of their recording; find a recording that has some."""

from dataclasses import replace
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.playback.note import Note, SealedNote
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_note, encode_note
from vault.errors import NotFound, RecordingErased, Refused
from vault.sealing.message import open_message, seal
from vault.sentence import Sentence
from vault.services.shared.encrypted_fields import OpenedRecording

NO_RECORDING: Final = "There is no such recording."


def seal_note(opened: OpenedRecording, note: Note, author: str) -> SealedNote:
    """Return the row of a note."""
    recording = opened.recording
    context = bound.of_note(recording.account_id, recording.id, note.id)
    return SealedNote(
        id=note.id,
        account_id=recording.account_id,
        recording_id=recording.id,
        author=author,
        for_crm=note.content.for_crm,
        sealed_note=seal(opened.key, context, encode_note(note.content)),
        made_at=note.made_at,
        changed_at=note.changed_at,
    )


def open_note(opened: OpenedRecording, row: SealedNote) -> Note:
    """Open the row of a note. Raises Tampered."""
    context = bound.of_note(row.account_id, row.recording_id, row.id)
    content = decode_note(open_message(opened.key, row.sealed_note, context=context))
    return Note(id=row.id, content=content, made_at=row.made_at, changed_at=row.changed_at)


def reseal_note(before: OpenedRecording, after: OpenedRecording, row: SealedNote) -> SealedNote:
    """Return the row of a note under the key of ``after``; its content stays. Raises Tampered."""
    context = bound.of_note(row.account_id, row.recording_id, row.id)
    content = open_message(before.key, row.sealed_note, context=context)
    return replace(row, sealed_note=seal(after.key, context, content))


def recording_with_notes(tx: Transaction, account_id: str, recording_id: str) -> Recording:
    """Return an available recording. Raises NotFound, RecordingErased, Refused for one in another state."""
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound(NO_RECORDING)
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    if recording.state is not State.AVAILABLE:
        state = str(recording.state)
        text = Sentence("The recording is %(state)s, so there are no notes on it.", state=state)
        raise Refused(text, reasons=(state,))
    return recording
