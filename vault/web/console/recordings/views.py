"""What the console's pages print of recordings: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.domain.calls.call import CallFacts
from vault.domain.calls.metadata import Metadata
from vault.domain.playback.link import plays_without_right
from vault.domain.recordings.media import clock_length
from vault.domain.recordings.recording import Cause, State
from vault.services.recordings.recordings import RecordingView
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.words import RECORDING_STATES
from vault.web.http.translations import gettext, ngettext, translatable, translated

Tone = Literal["good", "bad", "warn", "calm"]
#: How a state is coloured; those that pass by themselves are calm.
_TONES: Final[dict[State, Tone]] = {
    State.QUARANTINED: "warn",
    State.AVAILABLE: "good",
    State.REFUSED: "bad",
    State.FAILED: "bad",
}
#: States of a recording whose audio is not there yet, or will not come by itself.
_NOT_ARRIVED: Final = frozenset({State.RECEIVED, State.RETRY_WAIT, State.FAILED})
#: Why a recording is restricted, other than for the request of a person.
RESTRICTION_CAUSES: Final[dict[Cause, str]] = translatable(
    {
        "caller": "the caller said no",
        "callee": "the called party said no",
        "agent": "the agent said no",
        "admin": "somebody restricted it",
        "review": "its retention class asks for a review",
        "restore": "a restore did not find its manifest",
    }
)
#: The choices of the filter by state, in words.
STATE_CHOICES: Final = [(str(state), words) for state, words in RECORDING_STATES.items()]
#: How long after a call began its recording arrives as expected.
_SOON: Final = timedelta(hours=1)
_DIRECTIONS: Final = {"inbound": "in", "outbound": "out", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """A recording in a table."""

    id: str
    at: datetime
    #: When it arrived, by which lists are ordered; None where that was within an hour of the call.
    arrived_at: datetime | None
    call_ref: str
    caller: str
    callee: str
    direction: str
    agent: str
    length: str
    state: str
    #: The state, in the language of the page.
    state_words: str
    tone: Tone
    restricted: bool
    #: The texts of why it is in this state.
    reasons: Sequence[str]
    quarantined_until: datetime | None
    is_playable: bool
    is_quarantined: bool
    #: Whether a webhook announced it and it has not arrived.
    can_be_retried: bool


def recording_row(view: RecordingView, *, with_call: bool) -> RecordingRow:
    """Return the row of a recording; ``with_call``: its reader may see the facts of its call (recordings:read)."""
    recording, facts = (
        view.recording,
        view.facts if with_call else CallFacts(call_ref=view.recording.call_ref),
    )
    at = facts.started_at or (recording.call_started_at if with_call else None) or recording.received_at
    return RecordingRow(
        id=recording.id,
        at=at,
        arrived_at=recording.received_at if abs(recording.received_at - at) > _SOON else None,
        call_ref=recording.call_ref,
        caller=facts.caller or "",
        callee=facts.callee or "",
        direction=_DIRECTIONS[facts.direction],
        agent=facts.agent or "",
        length="" if recording.duration is None else clock_length(recording.duration),
        state=str(recording.state),
        state_words=translated(RECORDING_STATES[recording.state]),
        tone=_TONES.get(recording.state, "calm"),
        restricted=recording.restricted,
        reasons=[reason.text for reason in recording.reasons],
        quarantined_until=recording.quarantined_until,
        is_playable=plays_without_right(recording),
        is_quarantined=recording.state is State.QUARANTINED,
        can_be_retried=recording.connection_id is not None and recording.state in _NOT_ARRIVED,
    )


def key_and_value(text: str, field: str) -> tuple[str, str]:
    """Return a key and its value, which a colon separates. Raises Invalid that names the field."""
    key, colon, value = text.partition(":")
    if not colon:
        raise WordedInvalid(gettext("Write a key, a colon and its value, such as order: 4711."), field=field)
    return key.strip(), value.strip()


def as_lines(metadata: Metadata) -> str:
    """Return metadata as its form has it."""
    return "\n".join(f"{key}: {value}" for key, value in sorted(metadata.items()))


def days_left(until: datetime, now: datetime) -> str:
    """Return how long is left, in words."""
    left = until - now
    if left.total_seconds() <= 0:
        return gettext("due now")
    if left.days == 0:
        return gettext("less than a day")
    return ngettext("%(num)s day", "%(num)s days", left.days)
