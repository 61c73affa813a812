"""Notes and bookmarks: what one listener writes down at a moment of a recording, for himself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.errors import Invalid

#: Notes of one author for one recording, bookmarks among them.
MAX_NOTES: Final = 100
#: Notes of one recording that are handed over to a CRM, those of all authors together.
MAX_FOR_CRM: Final = 20
#: Characters of a note.
MAX_TEXT: Final = 1000
#: Seconds by which a note may be behind the end: a browser's clock is not exact to the sample.
_TOLERANCE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteContent:
    """A moment in seconds from the start, and the text there; None for a bookmark."""

    at: float
    text: str | None
    #: Whether its author lets it be handed over to the account's CRM.
    for_crm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note of its author."""

    id: str
    content: NoteContent
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNote:
    """The row of a note: moment and text are sealed under the recording key."""

    id: str
    account_id: str
    recording_id: str
    #: The person or the API key, as in the access log.
    author: str
    #: As the content says, which counts: to find those few among all.
    for_crm: bool
    sealed_note: bytes
    made_at: datetime
    changed_at: datetime


def checked_content(content: NoteContent, duration: float | None) -> NoteContent:
    """Return the content with an empty text as none. Raises Invalid that names the field.

    ``duration``: of the recording in seconds, None if it is unknown.
    """
    if content.at < 0 or (duration is not None and content.at > duration + _TOLERANCE):
        end = "" if duration is None else f", and at most {duration:.1f}, the length of the recording"
        raise Invalid(f"at must be in seconds from the start{end}.", field="at")
    text = (content.text or "").strip()
    if len(text) > MAX_TEXT:
        raise Invalid(f"text must have at most {MAX_TEXT} characters.", field="text")
    if content.for_crm and not text:
        raise Invalid("for_crm needs a text: a bookmark has nothing to hand over.", field="for_crm")
    return NoteContent(at=round(content.at, 3), text=text or None, for_crm=content.for_crm)
