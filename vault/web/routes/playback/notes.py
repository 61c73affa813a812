"""Notes and bookmarks on a recording: an API key's own, and those of former listeners."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.playback.notes import (
    FormerNoteOut,
    FormerNotesOut,
    FormerNotesQuery,
    NoteIn,
    NoteOut,
    NotePatchIn,
    NotesOut,
)

router = APIRouter(prefix="/v1/accounts/{account}/recordings/{recording}", tags=["recordings"])
_NOTES = "/notes"
Reading = Annotated[Access, Depends(access("recordings:read"))]
Guarding = Annotated[Access, Depends(access("privacy:write"))]
#: Listening at the console needs this scope, so it is that of listeners' notes.
Listening = Annotated[Access, Depends(access("links:write", limited=True))]
RecordingId = Annotated[str, Path(max_length=64)]
NoteId = Annotated[str, Path(max_length=64)]


@router.get(_NOTES)
async def list_recording_notes(vault: TheVault, allowed: Reading, recording: RecordingId) -> NotesOut:
    """List the notes that this key made on a recording, by their moment: 100 at most."""
    found = await vault.own_notes.list(allowed.account.id, recording, author=allowed.actor)
    return NotesOut(items=[NoteOut.of(note) for note in found])


@router.post(_NOTES, status_code=201, response_model=NoteOut, openapi_extra=IDEMPOTENT)
async def post_recording_note(
    request: Request, vault: TheVault, allowed: Listening, recording: RecordingId, body: NoteIn
) -> Response:
    """Make a note at a moment of a recording, or a bookmark: a note without a text. Only this key sees it.

    409: the recording is not available, or restricted, or the key has 100 notes on it.
    """

    async def produce() -> NoteOut:
        made = await vault.own_notes.add(allowed.account.id, recording, body.content(), author=allowed.actor)
        return NoteOut.of(made)

    return await answer_once(request, allowed, produce)


@router.patch(_NOTES + "/{note}")
async def patch_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId, body: NotePatchIn
) -> NoteOut:
    """Change a note of this key. 409: a hold covers the recording, or it is restricted."""
    changed = await vault.own_notes.change(
        allowed.account.id, recording, note, body.merged, author=allowed.actor
    )
    return NoteOut.of(changed)


@router.delete(_NOTES + "/{note}", status_code=204)
async def delete_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId
) -> None:
    """Delete a note of this key. 409: a hold covers the recording, or it is restricted."""
    await vault.own_notes.delete(allowed.account.id, recording, note, author=allowed.actor)


@router.get("/former-notes")
async def list_former_notes(
    vault: TheVault, allowed: Guarding, recording: RecordingId, asked: Annotated[FormerNotesQuery, Query()]
) -> FormerNotesOut:
    """List the notes of listeners who cannot sign in any more.

    These are removed members, people of a deleted sign-in connection, and revoked keys. If there are any notes, that
    they were read is logged. 409: the recording is not available.
    """
    found = await vault.former_notes.page(
        allowed.account.id, recording, after=asked.cursor or "", limit=asked.limit, actor=allowed.actor
    )
    following = found[-1].note.id if len(found) == asked.limit else None
    return FormerNotesOut(items=[FormerNoteOut.of_left(one) for one in found], next_cursor=following)
