"""When a call was, as far as anyone said, and what its recording can therefore contain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.account import SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """When the call was, as far as anyone said."""

    started_at: datetime | None
    ended_at: datetime | None
    #: When the vault first heard of the recording; of a call that is only beginning, the present.
    received_at: datetime
    #: Length of the decoded audio, once it was decoded.
    duration: timedelta | None = None
    #: The audio was looked at: a duration that is still unknown will never be known.
    described: bool = False

    @property
    def start(self) -> datetime:
        """Return the start; unknown means receipt minus the decoded duration."""
        if self.started_at is not None:
            return self.started_at
        return self.end - (self.duration or timedelta(0))

    @property
    def end(self) -> datetime:
        """Return the end; unknown means receipt."""
        return self.ended_at if self.ended_at is not None else self.received_at

    @property
    def recorded_from(self) -> datetime | None:
        """Return when the recording began, which goes on to the end of its call; None before it was decoded.

        Where nobody told the end, the start of the call stands in for it.
        """
        if self.duration is None:
            return None
        if self.ended_at is not None:
            return self.ended_at - self.duration
        return self.started_at


def first_moment_off(history: Sequence[SwitchChange], span: CallSpan) -> datetime | None:
    """Return the first moment of the call in which the switch was off; None where there is none.

    Before the first entry of the history the switch counts as on: the account was not open yet.
    """
    start, end = min(span.start, span.end), max(span.start, span.end)
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
