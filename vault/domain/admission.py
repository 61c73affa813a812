"""May this recording enter? One pure decision, asked at receipt, at call start and at the gate.

The order of the questions does not matter: every rule that says no is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.account import Switch, SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule's word on the matter."""

    #: For programs; never changes its meaning.
    code: str
    #: For people; names no party.
    text: str
    #: The statute or setting behind it.
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, and under which epoch of the switch."""

    record: bool
    reasons: tuple[Reason, ...]
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpan:
    """When the call was, as far as anyone said."""

    started_at: datetime | None
    ended_at: datetime | None
    #: When the vault first heard of the recording.
    received_at: datetime
    #: Length of the decoded audio, once it was decoded.
    duration: timedelta | None = None

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


def decide(
    *,
    switch: Switch,
    history: Sequence[SwitchChange],
    span: CallSpan | None = None,
    epoch_at_receipt: int | None = None,
) -> Decision:
    """Decide by the switch as it stands, its history (oldest first), and what is known of the call.

    Before receipt there is no epoch to compare, and at call start no span either.
    """
    reasons: list[Reason] = []
    if not switch.enabled:
        reasons.append(
            Reason(code="switch_off", text=f"Recording is switched off since {_say(switch.changed_at)}.")
        )
    if epoch_at_receipt is not None and epoch_at_receipt != switch.epoch:
        text = "Recording was switched off after this recording was received."
        reasons.append(Reason(code="switched_off_since_receipt", text=text))
    if span is not None and (moment := first_moment_off(history, span)) is not None:
        text = f"Recording was switched off during the call, at {_say(moment)}."
        reasons.append(Reason(code="switched_off_during_call", text=text))
    if reasons:
        return Decision(record=False, reasons=tuple(reasons), epoch=switch.epoch)
    allowed = Reason(code="switch_on", text="Recording is switched on.", source="recording-switch")
    return Decision(record=True, reasons=(allowed,), epoch=switch.epoch)


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


def _say(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
