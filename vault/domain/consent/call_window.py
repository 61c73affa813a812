"""When a call was, as far as anyone said, and what its recording can therefore contain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.accounts.account import SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """The time of the call, from the earliest to the latest time ever reported."""

    #: The earliest start.
    started_at: datetime | None
    #: The latest end.
    ended_at: datetime | None
    #: When the vault first heard of the recording; of a call that is only beginning, the present.
    received_at: datetime
    #: Where more than one start or end was said: the latest start, the earliest end, and both answers.
    latest_start: datetime | None = None
    earliest_end: datetime | None = None
    answered_at: datetime | None = None
    latest_answer: datetime | None = None
    #: Length of the decoded audio, once it was decoded.
    duration: timedelta | None = None
    #: The audio was looked at: a duration that is still unknown will never be known.
    described: bool = False

    @property
    def start(self) -> datetime:
        """Return the earliest moment of the call; an unknown start means the end minus the decoded duration."""
        return min(self._moments)

    @property
    def end(self) -> datetime:
        """Return the latest moment of the call; an unknown end means receipt."""
        return max(self._moments)

    @property
    def _moments(self) -> list[datetime]:
        ends = [one for one in (self.earliest_end, self.ended_at) if one is not None] or [self.received_at]
        starts = [one for one in (self.started_at, self.latest_start) if one is not None]
        answers = [one for one in (self.answered_at, self.latest_answer) if one is not None]
        return [*(starts or [min(ends) - (self.duration or timedelta(0))]), *answers, *ends]

    @property
    def recording_starts(self) -> tuple[datetime, ...]:
        """Return the earliest and the latest moment at which the recording can have begun; empty if unknown.

        It lasts until the end of its call. If no end was reported, the start of the call is used instead.
        """
        if self.duration is None:
            return ()
        ends = [one for one in (self.earliest_end, self.ended_at) if one is not None]
        if ends:
            return min(ends) - self.duration, max(ends) - self.duration
        starts = [one for one in (self.started_at, self.latest_start) if one is not None]
        return (min(starts), max(starts)) if starts else ()


def first_moment_off(history: Sequence[SwitchChange], span: CallSpan) -> datetime | None:
    """Return the first moment of the call in which the switch was off; None where there is none.

    Before the first entry of the history the switch counts as on: the account was not open yet.
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
