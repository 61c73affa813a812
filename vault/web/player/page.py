"""The texts of the player page: the call, its channels and its notices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fastapi import Response

from vault.domain.calls.call import Direction, Role, role_of
from vault.domain.consent.consent_event import Party
from vault.domain.playback.link import Session
from vault.domain.recordings.media import extension
from vault.domain.recordings.recording import Recording
from vault.services.playback.player_view import ShownCall
from vault.web.http.html import page

_ROLES: dict[Role, str] = {
    "agent": "Agent",
    "customer": "Customer",
    "caller": "Caller",
    "callee": "Called party",
}
_DIRECTIONS: dict[Direction | None, str] = {
    "inbound": "Incoming call",
    "outbound": "Outgoing call",
    None: "Call recording",
}
_PARTIES: dict[Party, str] = {"caller": "the caller", "callee": "the called party", "agent": "the agent"}
Tone = Literal[1, 2]
_TONES: tuple[Tone, Tone] = (1, 2)
_TONE_OF: dict[Role, Tone] = {"agent": 1, "customer": 2}
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel on the page."""

    name: str
    #: One of two colours: in every recording an agent has the first, a customer the second.
    tone: Tone


def player_page(session: Session, recording: Recording, call: ShownCall, *, now: datetime) -> Response:
    """Return the player page of an open session."""
    return page(
        "player.html",
        session=session,
        call=call,
        recording=recording,
        title="Voicemail" if recording.kind == "voicemail" else _DIRECTIONS[call.direction],
        audio=f"/s/{session.id}/audio{extension(_played(recording))}",
        channels=channels_of(recording, call.direction),
        parties=_PARTIES,
        length=length(recording.duration),
        seconds_left=max(0, int((session.ends_at - now).total_seconds())),
    )


def channels_of(recording: Recording, direction: Direction | None) -> list[Channel]:
    """Return the channels with distinct names and colours; if one has no name, all are numbered."""
    count = recording.channels or 1
    known = dict(enumerate(recording.voices))
    roles = [role_of(known.get(index, "unknown"), direction) for index in range(count)]
    names = [_ROLES.get(role, "") for role in roles]
    if count > 1 and ("" in names or len(set(names)) < count):
        return [Channel(name=f"Channel {tone}", tone=tone) for tone in _TONES]
    # If the direction is unknown, so are the agent and the customer.
    tones = [_TONE_OF.get(role, _TONES[index]) for index, role in enumerate(roles)]
    return [Channel(name=name, tone=tone) for name, tone in zip(names, tones, strict=True)]


def length(seconds: float | None) -> str:
    """Return a length in words; empty if it is unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < _MINUTE:
        return _count(whole, "second")
    if whole < _HOUR:
        return f"{_count(whole // _MINUTE, 'minute')} {_count(whole % _MINUTE, 'second')}"
    return f"{_count(whole // _HOUR, 'hour')} {_count(whole % _HOUR // _MINUTE, 'minute')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _played(recording: Recording) -> str | None:
    return "wav" if recording.rendition is not None else recording.container
