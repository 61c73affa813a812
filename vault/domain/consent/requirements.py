"""What the parties must have been told and asked, and what of it is not on record.

A notice that only counts inside the recording is looked for at its position there; one that must come
first is looked for before the recording begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from vault.domain.consent.call_window import CallSpan
from vault.domain.consent.consent_event import MODES, ConsentEvent, ConsentPolicy, Mode, Party
from vault.domain.reason import Reason
from vault.domain.rules.rules import CONSENTS, Consent, Demand

#: Where the notice must lie relative to the recording.
Position = Literal["any", "before", "inside", "before_and_inside"]
#: How much of a prompt must lie in the recording: clocks differ, and platforms count in whole seconds.
_HEARD = 0.75
#: How far into a recording what was told by the clock may end, and still count as told before it.
TOLERANCE = timedelta(seconds=2)
_LEVEL_OF: dict[Mode, Consent] = {
    "none": "one",
    "tone": "notice",
    "announce": "notice",
    "opt_out_key": "notice",
    "opt_in_key": "opt_in",
}
#: What makes a party's answer an answer of its own.
_ACTIVE = frozenset({"key", "speech", "form"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is asked of the parties outside the account, by law and by the account's own policy."""

    level: Consent
    mode: Mode
    position: Position
    #: A tone stands for the spoken notice.
    tone_accepted: bool
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, demand: Demand, policy: ConsentPolicy) -> "Need":
        """Join what the law asks and what the account asks on top of it."""
        own = _LEVEL_OF[policy.mode]
        level = max(demand.consent, own, key=CONSENTS.index)
        by_law = _mode(demand)
        mode = max(by_law, policy.mode, key=MODES.index)
        tone = (
            policy.mode == "tone" and demand.tone_accepted and MODES.index(by_law) <= MODES.index("announce")
        )
        reasons = []
        if MODES.index(mode) > MODES.index(by_law):
            text = "The account asks for more than the law of the parties' places."
            reasons.append(Reason(code="policy_mode", text=text, source="consent-policy"))
        return cls(
            level=level,
            mode="tone" if tone else mode,
            position=_position(demand) if level != "one" else "any",
            tone_accepted=demand.tone_accepted,
            reasons=tuple(reasons),
        )


def _mode(demand: Demand) -> Mode:
    if demand.consent == "one":
        return "none"
    if demand.consent == "opt_in":
        return "opt_in_key"
    return "opt_out_key" if demand.refusal_route else "announce"


def _position(demand: Demand) -> Position:
    if demand.notice_in_recording:
        return "inside" if demand.capture_before_consent else "before_and_inside"
    return "any" if demand.capture_before_consent else "before"


def missing(
    need: Need, events: Sequence[ConsentEvent], outside: frozenset[Party], span: CallSpan
) -> list[Reason]:
    """Return a reason for each thing that is not on record; an empty list where all of it is."""
    if need.level == "one":
        return []
    reasons: list[Reason] = []
    for party in sorted(outside):
        said = [event for event in events if event.party == party]
        reasons += _of_party(need, said, party, span)
    return reasons


def _of_party(need: Need, said: Sequence[ConsentEvent], party: Party, span: CallSpan) -> list[Reason]:
    announced = [event for event in said if event.answer == "announced"]
    tones = [event for event in announced if event.method == "tone"]
    notices = announced if need.tone_accepted else [event for event in announced if event.method != "tone"]
    accepted = [event for event in said if event.answer == "accepted" and event.method in _ACTIVE]
    if need.level == "opt_in" and not accepted:
        return [_lacks("consent_missing", f"The {party} did not say yes, which is needed here.")]
    if not notices and not accepted:
        if tones:
            return [_lacks("tone_not_accepted", f"The {party} heard a tone, which is not enough here.")]
        return [_lacks("notice_missing", f"There is no evidence that the {party} was told of the recording.")]
    if not span.described:
        # Where the notice lies can be told once the audio was decoded.
        return []
    reasons = []
    first = accepted if need.level == "opt_in" else [*notices, *accepted]
    if "before" in need.position and not any(_before(event, span) for event in first):
        text = f"Recording began before the {party} was asked, which is not allowed here."
        reasons.append(_lacks("captured_before_consent", text))
    if "inside" in need.position and not any(_inside(event, span) for event in notices):
        text = f"The notice to the {party} cannot be heard in the recording, and only counts if it can."
        reasons.append(_lacks("notice_outside_recording", text))
    return reasons


def _before(event: ConsentEvent, span: CallSpan) -> bool:
    """Return whether the event was over when the recording began."""
    ends = event.length or timedelta(0)
    if event.offset is not None:
        return event.offset + ends <= timedelta(0)
    begins = span.recording_starts
    # Where several ends of the call were said, it must be true of each of them.
    return bool(begins) and event.at + ends <= min(begins) + TOLERANCE


def _inside(event: ConsentEvent, span: CallSpan) -> bool:
    """Return whether nearly all of the prompt lies in the recording; one of unknown length cannot be shown to."""
    begins = span.recording_starts
    if not event.length or span.duration is None or not begins:
        return False
    offsets = [event.at - one for one in begins] if event.offset is None else [event.offset]
    # The earliest and the latest beginning are enough: between the two no less of the prompt is heard.
    heard = [min(offset + event.length, span.duration) - max(offset, timedelta(0)) for offset in offsets]
    return min(heard) >= _HEARD * event.length


def _lacks(code: str, text: str) -> Reason:
    return Reason(code=code, text=text, source="consent")
