"""Notes and bookmarks on a recording: an API key's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.notes import NoteIn, NoteOut, NotePatchIn, NotesOut

router = APIRouter(prefix="/v1/accounts/{account}/recordings/{recording}/notes", tags=["recordings"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
#: Listening at the console needs this scope, so it is that of listeners' notes.
Listening = Annotated[Access, Depends(access("links:write", limited=True))]
RecordingId = Annotated[str, Path(max_length=64)]
NoteId = Annotated[str, Path(max_length=64)]


@router.get("")
async def list_recording_notes(vault: TheVault, allowed: Reading, recording: RecordingId) -> NotesOut:
    """List the notes that this key made on a recording, by their moment: 100 at most."""
    found = await vault.own_notes.list(allowed.account.id, recording, author=allowed.actor)
    return NotesOut(items=[NoteOut.of(note) for note in found])


@router.post("", status_code=201, response_model=NoteOut, openapi_extra=IDEMPOTENT)
async def post_recording_note(
    request: Request, vault: TheVault, allowed: Listening, recording: RecordingId, body: NoteIn
) -> Response:
    """Make a note at a moment of a recording, or a bookmark: a note without a text. Only this key sees it.

    409: the recording is not available, or restricted, or the key has 100 notes on it.
    """

    async def produce() -> NoteOut:
        made = await vault.own_notes.add(allowed.account.id, recording, body.content(), author=allowed.actor)
        return NoteOut.of(made)

    return await answer_once(request, allowed.caller, produce)


@router.patch("/{note}")
async def patch_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId, body: NotePatchIn
) -> NoteOut:
    """Change a note of this key. 409: a hold covers the recording, or it is restricted."""
    changed = await vault.own_notes.change(
        allowed.account.id, recording, note, body.merged, author=allowed.actor
    )
    return NoteOut.of(changed)


@router.delete("/{note}", status_code=204)
async def delete_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId
) -> None:
    """Delete a note of this key. 409: a hold covers the recording, or it is restricted."""
    await vault.own_notes.delete(allowed.account.id, recording, note, author=allowed.actor)
