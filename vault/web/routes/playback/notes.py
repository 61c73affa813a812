"""Notes and bookmarks on a recording: an API key's own, and those of former listeners."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from vault.domain.playback.note import Note, NoteContent
from vault.services.playback.notes import LeftNote
from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.base import Body, Flag, MomentOut, Words

_Seconds = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
router = APIRouter(prefix="/v1/accounts/{account}/recordings/{recording}", tags=["recordings"])
_NOTES = "/notes"
Reading = Annotated[Access, Depends(access("recordings:read"))]
Guarding = Annotated[Access, Depends(access("privacy:write"))]
#: Listening at the console needs this scope, so it is that of listeners' notes.
Listening = Annotated[Access, Depends(access("links:write", limited=True))]
RecordingId = Annotated[str, Path(max_length=64)]
NoteId = Annotated[str, Path(max_length=64)]


class NoteIn(Body):
    """A note to make."""

    #: Seconds from the start of the recording; kept to the millisecond.
    at: _Seconds
    #: What to write down there. Without it the note is a bookmark.
    text: Words | None = None
    #: Whether it is handed over to the account's CRM.
    for_crm: Flag = False

    def content(self) -> NoteContent:
        """Convert to the note's content."""
        return NoteContent(at=self.at, text=self.text, for_crm=self.for_crm)


class NotePatchIn(Body):
    """What to change of a note. Fields that are not sent stay unchanged."""

    at: _Seconds = 0
    #: Null makes it a bookmark.
    text: Words | None = None
    for_crm: Flag = False

    def merged(self, before: NoteContent) -> NoteContent:
        """Return the content ``before`` with the sent fields replaced."""
        return replace(before, **{name: getattr(self, name) for name in self.model_fields_set})


class NoteOut(BaseModel):
    """A note of the key that asks."""

    id: str
    at: float
    #: Null for a bookmark.
    text: str | None = None
    #: Whether its author lets it be handed over to the account's CRM.
    for_crm: bool
    made_at: MomentOut
    changed_at: MomentOut

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        """Show a note."""
        content = note.content
        return cls(
            id=note.id,
            at=content.at,
            text=content.text,
            for_crm=content.for_crm,
            made_at=note.made_at,
            changed_at=note.changed_at,
        )


class FormerNoteOut(NoteOut):
    """A note of a listener who cannot sign in any more."""

    #: The id of the person or of the API key.
    author: str
    #: The name of the person or of the key.
    author_name: str | None = None

    @classmethod
    def of_left(cls, left: LeftNote) -> "FormerNoteOut":
        """Show a note with its author."""
        shown = NoteOut.of(left.note)
        return cls(**shown.model_dump(), author=left.author, author_name=left.name)


class FormerNotesOut(BaseModel):
    """A page of notes of former listeners."""

    items: list[FormerNoteOut]
    next_cursor: str | None = None


class FormerNotesQuery(Body):
    """The page of notes to list."""

    cursor: Annotated[str, Field(max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class NotesOut(BaseModel):
    """The notes of the key that asks, by their moment."""

    items: list[NoteOut]


@router.get(_NOTES)
async def list_recording_notes(vault: TheVault, allowed: Reading, recording: RecordingId) -> NotesOut:
    """List the notes that this key made on a recording, by their moment: 100 at most."""
    found = await vault.playback.own_notes.list(allowed.account.id, recording, author=allowed.actor)
    return NotesOut(items=[NoteOut.of(note) for note in found])


@router.post(_NOTES, status_code=201, response_model=NoteOut, openapi_extra=IDEMPOTENT)
async def post_recording_note(
    request: Request, vault: TheVault, allowed: Listening, recording: RecordingId, body: NoteIn
) -> Response:
    """Make a note at a moment of a recording, or a bookmark: a note without a text. Only this key sees it.

    409: the recording is not available, or restricted, or the key has 100 notes on it.
    """

    async def produce() -> NoteOut:
        made = await vault.playback.own_notes.add(
            allowed.account.id, recording, body.content(), author=allowed.actor
        )
        return NoteOut.of(made)

    return await answer_once(request, allowed, produce)


@router.patch(_NOTES + "/{note}")
async def patch_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId, body: NotePatchIn
) -> NoteOut:
    """Change a note of this key. 409: a hold covers the recording, or it is restricted."""
    changed = await vault.playback.own_notes.change(
        allowed.account.id, recording, note, body.merged, author=allowed.actor
    )
    return NoteOut.of(changed)


@router.delete(_NOTES + "/{note}", status_code=204)
async def delete_recording_note(
    vault: TheVault, allowed: Listening, recording: RecordingId, note: NoteId
) -> None:
    """Delete a note of this key. 409: a hold covers the recording, or it is restricted."""
    await vault.playback.own_notes.delete(allowed.account.id, recording, note, author=allowed.actor)


@router.get("/former-notes")
async def list_former_notes(
    vault: TheVault, allowed: Guarding, recording: RecordingId, asked: Annotated[FormerNotesQuery, Query()]
) -> FormerNotesOut:
    """List the notes of listeners who cannot sign in any more.

    These are removed members, people of a deleted sign-in connection, and revoked keys. If there are any notes, that
    they were read is logged. 409: the recording is not available.
    """
    found = await vault.playback.former_notes.page(
        allowed.account.id, recording, after=asked.cursor or "", limit=asked.limit, actor=allowed.actor
    )
    following = found[-1].note.id if len(found) == asked.limit else None
    return FormerNotesOut(items=[FormerNoteOut.of_left(one) for one in found], next_cursor=following)
