"""Whether the silence that a pause leaves is in the audio: times from the end of the call, with what may be off."""

from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.admission.find_pause import find_pause
from vault.domain.consent.call_window import CallSpan
from vault.domain.recordings.pause import RecordingPause
from vault.domain.recordings.silence import Silence

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
#: A call of 100 seconds, answered at once, paused from second 40 to 60.
END = START + timedelta(seconds=100)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def span(seconds: float | None = 100, *, ended: datetime | None = END, answered: float = 0) -> CallSpan:
    length = None if seconds is None else timedelta(seconds=seconds)
    return CallSpan(
        started_at=START, answered_at=at(answered), ended_at=ended, earliest_end=ended, received_at=END,
        duration=length, described=True,
    )  # fmt: skip


def paused(begin: float = 40, end: float | None = 60, *, expires: float = 220) -> RecordingPause:
    return RecordingPause(
        id="pse_1", account_id="a", call_ref="c", connection_id=None, reason="card", asked_at=at(begin),
        asked_by="k", expires_at=at(expires), ended_at=None if end is None else at(end),
    )  # fmt: skip


def silent(begin: float, end: float) -> Silence:
    return Silence(begin_ms=round(begin * 1000), end_ms=round(end * 1000))


@pytest.mark.parametrize(
    ("silences", "found"),
    [
        ([silent(40, 60)], "seen"),
        # The provider obeys late, and its clock is off.
        ([silent(41, 59.5)], "seen"),
        ([silent(36, 56)], "seen"),
        ([silent(44, 64)], "seen"),
        ([silent(10, 90)], "seen"),
        ([], "not_seen"),
        # Elsewhere; much too short; in two halves with sound between them.
        ([silent(10, 30)], "not_seen"),
        ([silent(45, 55)], "not_seen"),
        ([silent(36, 49), silent(51, 64)], "not_seen"),
        # It ends before the pause does: the last digits are heard.
        ([silent(20, 55)], "seen"),
        ([silent(20, 52)], "not_seen"),
    ],
)
def test_the_silence_is_where_the_pause_was(silences: list[Silence], found: str) -> None:
    """Nearly as long as the pause, within five seconds of it."""
    assert find_pause(paused(), span(), silences) == found


def test_a_recording_that_began_later_is_compared_from_its_end() -> None:
    """A notice was played first: the audio is shorter, and its seconds are others."""
    assert find_pause(paused(), span(70), [silent(10, 30)]) == "seen"
    assert find_pause(paused(), span(90), [silent(58, 78)]) == "not_seen"


def test_what_cannot_be_told() -> None:
    """No end of the call, audio that nobody decoded, a short pause, and a call of which as much is missing."""
    for unknown in (span(ended=None), span(None), span(82), span(75)):
        assert find_pause(paused(), unknown, []) == "cannot_tell"
    assert find_pause(paused(), span(83), []) == "not_seen"
    assert find_pause(paused(40, 43), span(), []) == "cannot_tell"
    # What was missing before the answer is not the pause's.
    assert find_pause(paused(), span(80, answered=20), []) == "not_seen"


def test_a_pause_that_nobody_ended_lasts_until_the_call_does() -> None:
    """Or until its time is over."""
    assert find_pause(paused(40, None), span(), [silent(40, 100)]) == "seen"
    assert find_pause(paused(40, None), span(), [silent(40, 60)]) == "not_seen"
    assert find_pause(paused(40, None, expires=60), span(), [silent(40, 60)]) == "seen"
