"""A call as the platform reports it: in parts that arrive late, repeatedly and out of order."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from vault.domain.calls.metadata import Metadata

Direction = Literal["inbound", "outbound"]
#: A conversation, or a voicemail message.
Kind = Literal["call", "voicemail"]
#: The party on a channel. ``all`` is a mix; ``unknown`` where the platform does not report it.
Voice = Literal["caller", "callee", "all", "unknown"]
VOICES: tuple[Voice, ...] = get_args(Voice)
#: The two sides of a call.
SIDES: tuple[Literal["caller", "callee"], ...] = ("caller", "callee")
#: Maximum number of channels with a named voice.
MAX_VOICES = 8
#: The party from the account's view: its own agent or the customer, where the call's direction is known.
Role = Literal["agent", "customer", "caller", "callee", "all", "unknown"]
#: Max characters of a name that a platform gives to a call or a recording; such names are keys of rows.
MAX_NAME: Final = 200
#: Years in which a call can be. Platforms send a date that stands for none, such as .NET's 0001-01-01 or 9999-12-31,
#: or a time in the wrong unit. A period must not count from it, and Python cannot add a period to the last of its days.
CALL_YEARS: Final = range(2000, 2101)
FIRST_CALL: Final = datetime(CALL_YEARS[0], 1, 1, tzinfo=UTC)
#: The first moment after the last of them.
BEYOND_CALLS: Final = datetime(CALL_YEARS[-1] + 1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """The facts of a call in one event. None means that the event does not contain the fact."""

    #: The platform's id of the call.
    call_ref: str
    direction: Direction | None = None
    #: E.164; the platform's text where that is not a number (``anonymous``, ``sip:...``).
    caller: str | None = None
    callee: str | None = None
    #: When ringing began.
    started_at: datetime | None = None
    #: When the call was answered.
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    #: The agent's name or id, as the platform reports it.
    agent: str | None = None
    #: The parties' places, as the platform reports them: ``FR``, ``US-WA``.
    caller_place: str | None = None
    callee_place: str | None = None
    #: The language tag for notices to the parties outside the account.
    language: str | None = None


def _is_leg(piece: CallFacts) -> bool:
    """Return whether a part names one side alone, as that of a leg does."""
    return piece.direction is None and (piece.caller is None) != (piece.callee is None)


def fold(pieces: Iterable[CallFacts]) -> CallFacts:
    """Merge parts, oldest first: a later value wins, but None never overwrites a value.

    Nor does the number of a leg that the call dialled, which names one side alone, overwrite that of the call.

    Raises ValueError without parts, or with parts of different calls.
    """
    joined: CallFacts | None = None
    for piece in pieces:
        if joined is None:
            joined = piece
            continue
        if piece.call_ref != joined.call_ref:
            raise ValueError("The parts belong to different calls.")
        names = [f.name for f in fields(piece) if getattr(piece, f.name) is not None]
        if _is_leg(piece):
            names = [name for name in names if name not in SIDES or getattr(joined, name) is None]
        values = {name: getattr(piece, name) for name in names}
        joined = replace(joined, **values)
    if joined is None:
        raise ValueError("There are no parts to merge.")
    return joined


def role_of(voice: Voice, direction: Direction | None) -> Role:
    """Return the role of a voice for the account: the outside party is the customer, the other the agent."""
    if direction is None or voice in {"all", "unknown"}:
        return voice
    return "customer" if (voice == "caller") == (direction == "inbound") else "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A report that a recording is ready to be fetched."""

    #: The platform's id of the recording; unique per account and connection.
    recording_ref: str
    #: URL of the media; None where the platform's REST API must be asked. Secret: it may contain a signature.
    url: str | None
    #: The recording's id in the platform's REST API; None where the API has none.
    source_ref: str | None = None
    kind: Kind = "call"
    #: The party on each channel, in channel order; empty where the platform does not report it.
    voices: tuple[Voice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookContent:
    """The content of one webhook delivery."""

    facts: CallFacts
    announcement: Announcement | None = None
    #: One for each leg that the call dialled: its number is one of the call.
    legs: tuple[CallFacts, ...] = ()
    #: The sender's id of the delivery, the same for retries; None where it sends none.
    delivery_id: str | None = None
    #: Metadata of the call.
    metadata: Metadata = field(default_factory=dict)


def is_name(text: str) -> bool:
    """Return whether it may name a new call or recording: 1 to 200 printable characters, not only spaces."""
    return len(text) <= MAX_NAME and text.isprintable() and not text.isspace() and text != ""


def is_plausible(moment: datetime) -> bool:
    """Return whether a call can have begun or ended at this time."""
    return FIRST_CALL <= moment < BEYOND_CALLS


def plausible(moment: datetime | None) -> datetime | None:
    """Return a reported time, or None, as for one that is not known, where no call can have been then."""
    return moment if moment is not None and is_plausible(moment) else None
