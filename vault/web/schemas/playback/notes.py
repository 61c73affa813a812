"""JSON schemas of notes and bookmarks."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.playback.note import Note, NoteContent
from vault.services.playback.notes import LeftNote
from vault.web.schemas.base import Body, MomentOut, Words

_Seconds = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]


class NoteIn(Body):
    """A note to make."""

    #: Seconds from the start of the recording; kept to the millisecond.
    at: _Seconds
    #: What to write down there. Without it the note is a bookmark.
    text: Words | None = None

    def content(self) -> NoteContent:
        """Convert to the note's content."""
        return NoteContent(at=self.at, text=self.text)


class NotePatchIn(Body):
    """What to change of a note. Fields that are not sent stay unchanged."""

    at: _Seconds = 0
    #: Null makes it a bookmark.
    text: Words | None = None

    def merged(self, before: NoteContent) -> NoteContent:
        """Return the content ``before`` with the sent fields replaced."""
        return replace(before, **{name: getattr(self, name) for name in self.model_fields_set})


class NoteOut(BaseModel):
    """A note of the key that asks."""

    id: str
    at: float
    #: Null for a bookmark.
    text: str | None = None
    made_at: MomentOut
    changed_at: MomentOut

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        """Show a note."""
        content = note.content
        return cls(
            id=note.id, at=content.at, text=content.text, made_at=note.made_at, changed_at=note.changed_at
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
