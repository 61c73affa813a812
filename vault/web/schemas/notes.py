"""JSON schemas of notes and bookmarks."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.playback.note import Note, NoteContent
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


class NotesOut(BaseModel):
    """The notes of the key that asks, by their moment."""

    items: list[NoteOut]
