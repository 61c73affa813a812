"""Whether a pause of a recording is in its audio: the silence that it leaves, at the time when it was."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.domain.consent.call_window import CallSpan
from vault.domain.reason import Reason
from vault.domain.recordings.pause import RecordingPause
from vault.domain.recordings.silence import Silence

#: ``cannot_tell``: it was too short, no end of the call is known, or so much of the call is missing in the audio that
#: the provider may have cut the pause out.
Finding = Literal["seen", "not_seen", "cannot_tell"]
#: A pause that is shorter is not looked for.
_SHORTEST: Final = timedelta(seconds=4)
#: How long a provider may take to pause and to go on, together.
_DELAY: Final = timedelta(seconds=2)
#: How far the times of the platform may be off.
_TOLERANCE: Final = timedelta(seconds=5)
NOT_SEEN: Final = Reason(
    code="pause_not_seen",
    text="The recording was paused during the call, and its audio has sound at that time. Listen to it; then refuse "
    "it, or release it and remove that range.",
    source="card-data",
)


def find_pause(pause: RecordingPause, span: CallSpan, silences: Sequence[Silence]) -> Finding:
    """Return whether the silence that a pause leaves is in the audio of a call.

    A recording lasts until the end of its call, so an end and the length of the audio say when it began. The provider's
    command is obeyed up to _DELAY late, and its clock and ours differ by up to _TOLERANCE.
    """
    end = pause.expires_at if pause.ended_at is None else pause.ended_at
    if span.ended_at is not None:
        end = min(end, span.ended_at)
    length = end - pause.asked_at
    starts = span.recording_starts
    if length < _SHORTEST or span.ended_at is None or span.duration is None or not starts:
        return "cannot_tell"
    first, last = pause.asked_at - starts[-1] - _TOLERANCE, end - starts[0] + _TOLERANCE
    least = length - _DELAY
    if any(_overlap(silence, first, last) >= least for silence in silences):
        return "seen"
    began = _earliest(span)
    is_short = began is not None and span.ended_at - began - span.duration >= least
    return "cannot_tell" if is_short else "not_seen"


def _earliest(span: CallSpan) -> datetime | None:
    return span.started_at if span.answered_at is None else span.answered_at


def _overlap(silence: Silence, first: timedelta, last: timedelta) -> timedelta:
    begin, end = timedelta(milliseconds=silence.begin_ms), timedelta(milliseconds=silence.end_ms)
    return min(end, last) - max(begin, first)
