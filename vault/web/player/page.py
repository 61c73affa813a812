"""The texts of the player page: the call, its channels and its notices."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fastapi import Response

from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.domain.calls.call import Direction, Role, role_of
from vault.domain.playback.link import Link
from vault.domain.recordings.media import extension
from vault.domain.recordings.recording import Recording
from vault.services.playback.player_view import ShownCall
from vault.web.http.html import listener_page
from vault.web.http.languages import DEFAULT, spoken_length, texts_of
from vault.web.player.own_notes import ShownNotes

#: Roles of one person; their names are keys of the texts.
_NAMED: frozenset[Role] = frozenset({"agent", "customer", "caller", "callee"})
#: Keys of the texts.
_DIRECTIONS: dict[Direction | None, str] = {"inbound": "incoming", "outbound": "outgoing", None: "call"}
Tone = Literal[1, 2]
_TONES: tuple[Tone, Tone] = (1, 2)
_TONE_OF: dict[Role, Tone] = {"agent": 1, "customer": 2}
#: Speeds that the player offers.
_SPEEDS = ("0.5", "0.75", "1", "1.25", "1.5", "1.75", "2", "3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel on the page."""

    name: str
    #: One of two colours: in every recording an agent has the first, a customer the second.
    tone: Tone


def player_page(
    found: SessionWithLink, call: ShownCall, language: str, *, notes: ShownNotes | None, now: datetime
) -> Response:
    """Return the player page of an open session; ``notes``: the listener's own, if the listener is signed in."""
    session, recording, texts = found.session, found.recording, texts_of(language)
    return listener_page(
        "player.html",
        language,
        session=session,
        call=call,
        notes=notes,
        recording=recording,
        title=texts["player"]["voicemail" if recording.kind == "voicemail" else _DIRECTIONS[call.direction]],
        audio=f"/s/{session.id}/audio{extension(_played(recording))}",
        channels=channels_of(recording, call.direction, language),
        length=spoken_length(recording.duration, language),
        speeds=[(speed, speed.replace(".", texts["units"]["decimal"])) for speed in _SPEEDS],
        place=_place(found.link),
        seconds_left=max(0, int((session.ends_at - now).total_seconds())),
    )


def channels_of(recording: Recording, direction: Direction | None, language: str = DEFAULT) -> list[Channel]:
    """Return the channels with distinct names and colours; if one has no name, all are numbered."""
    texts, count = texts_of(language)["player"], recording.channels or 1
    known = dict(enumerate(recording.voices))
    roles = [role_of(known.get(index, "unknown"), direction) for index in range(count)]
    names = [texts[role] if role in _NAMED else "" for role in roles]
    if count > 1 and ("" in names or len(set(names)) < count):
        return [Channel(name=texts["channel"].format(number=tone), tone=tone) for tone in _TONES]
    # If the direction is unknown, so are the agent and the customer.
    tones = [_TONE_OF.get(role, _TONES[index]) for index, role in enumerate(roles)]
    return [Channel(name=name, tone=tone) for name, tone in zip(names, tones, strict=True)]


def _place(link: Link) -> str:
    """Return the name under which a browser keeps the listener's position: one for all sessions of a link.

    A hash, so that what the browser keeps names no link.
    """
    return hashlib.sha256(f"place {link.id}".encode()).hexdigest()[:16]


def _played(recording: Recording) -> str | None:
    return "wav" if recording.rendition is not None else recording.container
