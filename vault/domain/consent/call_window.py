"""The time of a call, as reported, and the time that its recording can cover."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.accounts.account import SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """The time of the call, between the earliest and the latest reported times."""

    #: The earliest start.
    started_at: datetime | None
    #: The latest end.
    ended_at: datetime | None
    #: When the vault was first notified of the recording; at call start, the current time.
    received_at: datetime
    #: Where several values were reported: the latest start, the earliest end, the earliest and latest answer.
    latest_start: datetime | None = None
    earliest_end: datetime | None = None
    answered_at: datetime | None = None
    latest_answer: datetime | None = None
    #: Duration of the decoded audio; None until it was decoded.
    duration: timedelta | None = None
    #: The audio was decoded: a duration that is still unknown stays unknown.
    described: bool = False

    @property
    def start(self) -> datetime:
        """Return the earliest moment of the call; an unknown start is the end minus the decoded duration."""
        return min(self._moments)

    @property
    def end(self) -> datetime:
        """Return the latest moment of the call; an unknown end is the time of receipt."""
        return max(self._moments)

    @property
    def _moments(self) -> list[datetime]:
        ends = [end for end in (self.earliest_end, self.ended_at) if end is not None] or [self.received_at]
        starts = [start for start in (self.started_at, self.latest_start) if start is not None]
        answers = [answer for answer in (self.answered_at, self.latest_answer) if answer is not None]
        return [*(starts or [min(ends) - (self.duration or timedelta(0))]), *answers, *ends]

    @property
    def recording_starts(self) -> tuple[datetime, ...]:
        """Return the earliest and latest possible start of the recording; empty if unknown.

        A recording lasts until the end of its call. If no end was reported, the start of the call is used.
        """
        if self.duration is None:
            return ()
        ends = [end for end in (self.earliest_end, self.ended_at) if end is not None]
        if ends:
            return min(ends) - self.duration, max(ends) - self.duration
        starts = [start for start in (self.started_at, self.latest_start) if start is not None]
        return (min(starts), max(starts)) if starts else ()


def first_moment_off(history: Sequence[SwitchChange], span: CallSpan) -> datetime | None:
    """Return the first moment of the call at which the switch was off; None if it was always on.

    Before the first entry of the history the switch counts as on: the account did not exist yet.
    """
    start, end = span.start, span.end
    off_since: datetime | None = None
    for change in history:
        if not change.enabled:
            off_since = off_since or change.at
            continue
        if off_since is not None and off_since <= end and change.at > start:
            return max(off_since, start)
        off_since = None
    if off_since is not None and off_since <= end:
        return max(off_since, start)
    return None
