"""A listener's own notes on the player page, where the browser is signed in at the console."""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.domain.playback.link import Session
from vault.domain.playback.note import MAX_NOTES, MAX_TEXT, Note
from vault.domain.recordings.media import clock_length
from vault.domain.recordings.recording import State
from vault.errors import Invalid, NotAuthentic
from vault.services.service import Vault
from vault.web.http.cookies import CONSOLE, own_name, read_cookie

#: A moment as people write it: seconds, minutes and seconds, or hours too, with up to three decimals.
_MOMENT: Final = re.compile(r"((?:\d{1,6}:){0,2}\d{1,6})(?:[.,](\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who is signed in: the author of notes as the access log names it, and the session of the console."""

    id: str
    session_id: str
    #: The address of the recording's page at the console.
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNote:
    """A note on the page."""

    id: str
    #: In seconds.
    at: float
    #: As the player shows it, and exact to the millisecond.
    clock: str
    moment: str
    text: str | None
    for_crm: bool

    @classmethod
    def of(cls, note: Note) -> "ShownNote":
        """Return a note as the page shows it."""
        content = note.content
        at, clock = content.at, clock_length(content.at)
        part = f"{at % 1:.3f}".rstrip("0").removeprefix("0").removesuffix(".")
        return cls(
            id=note.id,
            at=at,
            clock=clock,
            moment=f"{clock}{part}",
            text=content.text,
            for_crm=content.for_crm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """The refusal of a form: a key of the texts, the content of the form, and the note that it would change."""

    why: str
    at: str
    text: str
    for_crm: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNotes:
    """The notes of a listener, and their forms."""

    items: list[ShownNote]
    #: Of the form for a new note: it runs once.
    nonce: str
    mistake: Mistake | None
    #: Whether the account has calls handed over to a CRM.
    has_crm: bool
    max_text: int = MAX_TEXT

    @property
    def is_full(self) -> bool:
        """Return whether there is no room for another one."""
        return len(self.items) >= MAX_NOTES


async def author_of(request: Request, vault: Vault, listening: Session) -> Author | None:
    """Return who is signed in at the console and may listen to this recording there; None if nobody is."""
    account_id, recording_id = listening.account_id, listening.recording_id
    secret = read_cookie(request, own_name(request, CONSOLE))
    if secret is None:
        return None
    try:
        session, account = await vault.accounts.console_sessions.find(secret, account_id)
    except NotAuthentic:
        return None
    agents = session.agents_for("links:write")
    if account is None or (
        agents is not None
        and not await vault.recordings.recordings.agents_of(account_id, recording_id, agents)
    ):
        return None
    page = f"/console/accounts/{account.ref}/recordings/{recording_id}"
    return Author(id=session.actor, session_id=session.id, page=page)


async def notes_of(
    vault: Vault, found: SessionWithLink, author: Author | None, mistake: Mistake | None = None
) -> ShownNotes | None:
    """Return the notes that the page shows; None to a listener who is not signed in. Raises Tampered, Unavailable.

    There are none on a recording in quarantine, which is played for the check of its consent alone.
    """
    if author is None or found.recording.state is State.QUARANTINED:
        return None
    session = found.session
    notes = await vault.playback.own_notes.list(session.account_id, session.recording_id, author=author.id)
    return ShownNotes(
        items=[ShownNote.of(note) for note in notes],
        nonce=secrets.token_urlsafe(16),
        mistake=mistake,
        has_crm=await vault.playback.own_notes.has_crm(session.account_id),
    )


def seconds_of(text: str) -> float:
    """Return the seconds of a moment such as 1:23 or 0:07.5. Raises Invalid."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise Invalid("at must be a moment such as 1:23.", field="at")
    whole = 0
    for part in found[1].split(":"):
        whole = 60 * whole + int(part)
    return whole + int((found[2] or "").ljust(3, "0")) / 1000
