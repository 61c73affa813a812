"""The notices and consent that a call requires, and those of them that are not on record.

A notice that must be in the recording is checked against its position there; one that must precede the
recording is checked against the start of the recording.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from vault.domain.consent.call_window import CallSpan
from vault.domain.consent.consent_event import ACTIVE, MODES, ConsentEvent, ConsentPolicy, Mode, Party
from vault.domain.legal_rules.rule import CONSENTS, Consent, Demand
from vault.domain.reason import Reason

#: Required position of the notice relative to the recording.
Position = Literal["any", "before", "inside", "before_and_inside"]
#: Fraction of a prompt that must be in the recording: clocks differ, and platforms report whole seconds.
_MIN_HEARD = 0.75
#: An event whose position is known only by clock times may end this far into the recording and counts as before it.
TOLERANCE = timedelta(seconds=2)
_LEVEL_OF: dict[Mode, Consent] = {
    "none": "one",
    "tone": "notice",
    "announce": "notice",
    "opt_out_key": "notice",
    "opt_in_key": "opt_in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The requirements towards the parties outside the account, by law and by the account's policy."""

    level: Consent
    mode: Mode
    position: Position
    #: A tone may replace the spoken notice.
    tone_accepted: bool
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, demand: Demand, policy: ConsentPolicy) -> "Need":
        """Combine the law's requirements with those of the account's policy."""
        own = _LEVEL_OF[policy.mode]
        level = max(demand.consent, own, key=CONSENTS.index)
        by_law = _mode(demand)
        mode = max(by_law, policy.mode, key=MODES.index)
        tone = (
            policy.mode == "tone" and demand.tone_accepted and MODES.index(by_law) <= MODES.index("announce")
        )
        reasons = []
        if MODES.index(mode) > MODES.index(by_law):
            text = "The account's policy requires more than the law of the parties' places."
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
    """Return a reason for each missing requirement; an empty list if all are on record."""
    if need.level == "one":
        return []
    reasons: list[Reason] = []
    for party in sorted(outside):
        own = [event for event in events if event.party == party]
        reasons += _missing_of_party(need, own, party, span)
    return reasons


def _missing_of_party(
    need: Need, events: Sequence[ConsentEvent], party: Party, span: CallSpan
) -> list[Reason]:
    announced = [event for event in events if event.answer == "announced"]
    tones = [event for event in announced if event.method == "tone"]
    notices = announced if need.tone_accepted else [event for event in announced if event.method != "tone"]
    accepted = [event for event in events if event.answer == "accepted" and event.method in ACTIVE]
    if need.level == "opt_in" and not accepted:
        return [
            _reason("consent_missing", f"The {party} did not consent explicitly, which is required here.")
        ]
    if not notices and not accepted:
        if tones:
            return [_reason("tone_not_accepted", f"The {party} heard only a tone, which is not enough here.")]
        return [_reason("notice_missing", f"There is no evidence of a notice to the {party}.")]
    if not span.described:
        # The position of the notice is known once the audio was decoded.
        return []
    reasons = []
    first = accepted if need.level == "opt_in" else [*notices, *accepted]
    if "before" in need.position and not any(_before(event, span) for event in first):
        text = f"Recording began before the {party} was asked, which is not allowed here."
        reasons.append(_reason("captured_before_consent", text))
    if "inside" in need.position and not any(_inside(event, span) for event in notices):
        text = f"The notice to the {party} cannot be heard in the recording, which is required here."
        reasons.append(_reason("notice_outside_recording", text))
    return reasons


def _before(event: ConsentEvent, span: CallSpan) -> bool:
    """Return whether the event ended before the recording began."""
    length = event.length or timedelta(0)
    if event.offset is not None:
        return event.offset + length <= timedelta(0)
    starts = span.recording_starts
    # Where several ends of the call were reported, it must be true for each of them.
    return bool(starts) and event.at + length <= min(starts) + TOLERANCE


def _inside(event: ConsentEvent, span: CallSpan) -> bool:
    """Return whether most of the prompt is in the recording; False where a length or start is unknown."""
    starts = span.recording_starts
    if not event.length or span.duration is None or not starts:
        return False
    offsets = [event.at - start for start in starts] if event.offset is None else [event.offset]
    # Checking the earliest and the latest start is enough: for a start between them no less is heard.
    heard = [min(offset + event.length, span.duration) - max(offset, timedelta(0)) for offset in offsets]
    return min(heard) >= _MIN_HEARD * event.length


def _reason(code: str, text: str) -> Reason:
    return Reason(code=code, text=text, source="consent")
