"""A call as the platform tells of it, in pieces that come late, twice and out of order."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal, get_args

Direction = Literal["inbound", "outbound"]
#: A conversation, or a message left on a machine.
Kind = Literal["call", "voicemail"]
#: Who is heard on a channel. ``all`` is a mix, ``unknown`` where the platform does not say.
Voice = Literal["caller", "callee", "all", "unknown"]
VOICES: tuple[Voice, ...] = get_args(Voice)
#: Channels of one recording whose voices can be named.
MAX_VOICES = 8
#: Who that is for the account: its own agent or the customer, where the direction of the call tells.
Role = Literal["agent", "customer", "caller", "callee", "all", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What one event said of a call. None means that it did not say."""

    #: The platform's own name of the call.
    call_ref: str
    direction: Direction | None = None
    #: E.164, or as the platform wrote it where that is no number (``anonymous``, ``sip:...``).
    caller: str | None = None
    callee: str | None = None
    #: When ringing began.
    started_at: datetime | None = None
    #: When talking began: ringing is not talk.
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    #: The agent's name or id, as the platform gives it.
    agent: str | None = None
    #: Where the parties are, as the platform says: ``FR``, ``US-WA``.
    caller_place: str | None = None
    callee_place: str | None = None
    #: The language tag in which the parties outside the account are spoken to.
    language: str | None = None


def fold(pieces: Iterable[CallFacts]) -> CallFacts:
    """Join pieces, oldest first: a later value wins, but nothing never overwrites something.

    Raises ValueError without pieces, or with pieces of different calls.
    """
    joined: CallFacts | None = None
    for piece in pieces:
        if joined is None:
            joined = piece
            continue
        if piece.call_ref != joined.call_ref:
            raise ValueError("These pieces tell of different calls.")
        said = {f.name: v for f in fields(piece) if (v := getattr(piece, f.name)) is not None}
        joined = replace(joined, **said)
    if joined is None:
        raise ValueError("There is nothing to join.")
    return joined


def role_of(voice: Voice, direction: Direction | None) -> Role:
    """Say who a voice is for the account: customers call it, or are called by it."""
    if direction is None or voice in {"all", "unknown"}:
        return voice
    return "customer" if (voice == "caller") == (direction == "inbound") else "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A recording is ready and can be fetched."""

    #: The platform's own id of the recording; with account and connection it is unique.
    recording_ref: str
    #: Where the media lies; None where the platform must be asked. Secret: it may carry a signature.
    url: str | None
    #: What the platform's REST interface calls the recording; None where it has no such call.
    source_ref: str | None = None
    kind: Kind = "call"
    #: Who is heard on each channel, in the order of channels; empty where the platform does not say.
    voices: tuple[Voice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookContent:
    """What one delivery of a webhook said."""

    facts: CallFacts
    announcement: Announcement | None = None
    #: The sender's own id of the delivery, the same when it is repeated; None where it sends none.
    delivery_id: str | None = None
