"""May this recording enter? One pure decision, asked at call start, at the announcement and at the gate.

It stands on the switch and its history, the rules of the parties' places, what they were told and
answered, their objections, the account's policy and the facts of the call. The same case always gets
the same answer, and every rule that has a word in it is named; the order of the questions does not
matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.consent.call_window import CallSpan, first_moment_off
from vault.domain.consent.consent_event import ConsentEvent, ConsentPolicy, Mode, Objection, Party
from vault.domain.consent.requirements import Need, Position, missing
from vault.domain.reason import Reason
from vault.domain.rules.rules import Demand

#: ``allow`` it, keep it where nobody can hear it until an admin has decided, or ``refuse`` it for good.
Verdict = Literal["allow", "quarantine", "refuse"]


_TOO_MANY_FACTS = Reason(
    code="too_many_facts",
    text="So many facts of this call were sent that later ones were refused: check who was on it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a party is taken to be."""

    party: Party
    #: None where nobody knows.
    place: str | None
    #: ``said`` by the platform; read off the ``prefix`` of a number, which is a hint and no more; or named
    #: by the ``account`` for its own side.
    known_by: Literal["said", "prefix", "account", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionInput:
    """Everything that a decision stands on."""

    switch: Switch
    #: Oldest first.
    history: Sequence[SwitchChange]
    span: CallSpan
    #: The epoch at which the recording was received; None at call start, when there is none.
    epoch_at_receipt: int | None
    places: tuple[Place, ...]
    demand: Demand
    policy: ConsentPolicy
    #: Who must have been told: the parties outside the account.
    outside: frozenset[Party]
    #: In the order in which they were told.
    events: tuple[ConsentEvent, ...] = ()
    #: Of either number.
    objections: tuple[Objection, ...] = ()
    #: An admin let it out of quarantine, and answers for that.
    released: bool = False
    #: False where facts of the call may have been refused because there were too many.
    facts_complete: bool = True
    rule_book: str

    @property
    def recorded(self) -> bool:
        """Return whether there is a recording, so that evidence is due and not still to come."""
        return self.epoch_at_receipt is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, by which versions of rules and policy, and under which epoch of the switch."""

    verdict: Verdict
    #: What speaks against it: rules that say no, and evidence that is not there.
    grounds: tuple[Reason, ...]
    #: What else has a word in it: the rules of the places, guesses, the account's choices.
    remarks: tuple[Reason, ...]
    epoch: int
    #: How the parties are asked, and where the notice must lie.
    mode: Mode
    position: Position
    #: The account's own agents must be told, too.
    agent_notice: bool
    places: tuple[Place, ...]
    policy_version: int
    rule_book: str

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return every rule that has a word in it, those against it first."""
        return self.grounds + self.remarks

    @property
    def record(self) -> bool:
        """Return whether the audio may be taken in at all."""
        return self.verdict != "refuse"


def decide(case: AdmissionInput) -> Decision:
    """Decide on one case."""
    need = Need.of(case.demand, case.policy)
    against = [*_switch(case), *_objections(case), *_answers(case)]
    lacking = missing(need, case.events, case.outside, case.span) if case.recorded else []
    unsure = [] if case.facts_complete else [_TOO_MANY_FACTS]
    remarks = [*_places(case), *need.reasons]
    if case.switch.enabled:
        on = Reason(code="switch_on", text="Recording is switched on.", source="recording-switch")
        remarks.insert(0, on)
    verdict: Verdict = "allow"
    if against:
        verdict = "refuse"
    elif not case.released:
        choice = case.policy.missing_evidence
        if lacking and choice != "accept":
            verdict = choice
        elif unsure:
            verdict = "quarantine"
    if (lacking or unsure) and verdict == "allow":
        remarks.append(_accepted_without(case))
    if verdict == "allow" and not lacking and not unsure:
        remarks.append(_allowed(case, need))
    return Decision(
        verdict=verdict,
        grounds=(*against, *lacking, *unsure),
        remarks=tuple(remarks),
        epoch=case.switch.epoch,
        mode=need.mode,
        position=need.position,
        agent_notice=case.demand.agent_notice,
        places=case.places,
        policy_version=case.policy.version,
        rule_book=case.rule_book,
    )


def _switch(case: AdmissionInput) -> list[Reason]:
    reasons = []
    switch = case.switch
    if not switch.enabled:
        text = f"Recording is switched off since {_say(switch.changed_at)}."
        reasons.append(Reason(code="switch_off", text=text, source="recording-switch"))
    if case.epoch_at_receipt is not None and case.epoch_at_receipt != switch.epoch:
        text = "Recording was switched off after this recording was received."
        reasons.append(Reason(code="switched_off_since_receipt", text=text, source="recording-switch"))
    # At call start the present switch says all there is to say: the call lies in front.
    if case.recorded and (moment := first_moment_off(case.history, case.span)) is not None:
        text = f"Recording was switched off during the call, at {_say(moment)}."
        reasons.append(Reason(code="switched_off_during_call", text=text, source="recording-switch"))
    return reasons


def _objections(case: AdmissionInput) -> list[Reason]:
    """An objection counts from the moment it stands, and for every call that it overlaps."""
    for objection in case.objections:
        if objection.until is None or objection.until > case.span.start:
            text = f"A party of this call must not be recorded, since {_say(objection.since)}."
            return [Reason(code="objection", text=text, source="objections")]
    return []


def _answers(case: AdmissionInput) -> list[Reason]:
    """A no stays a no, whatever was said before or after it: the strictest answer counts."""
    reasons = []
    for event in case.events:
        if event.answer in {"declined", "withdrawn"}:
            text = f"The {event.party} {event.answer} by {event.method} at {_say(event.at)}."
            reasons.append(Reason(code=event.answer, text=text, source="consent"))
    return reasons


def _places(case: AdmissionInput) -> list[Reason]:
    """Say which rule is asked, and what of it is a guess."""
    reasons = []
    for rule in case.demand.rules:
        contested = " Sources disagree on it." if rule.confidence == "contested" else ""
        if rule.confidence == "none":
            contested = " No default is shipped for it: the account must choose, and until then it is treated strictly."
        text = f"{rule.name} ({rule.place}) asks for {_ASKS[rule.consent]}.{contested}"
        reasons.append(Reason(code="rule", text=text, source=rule.statute or None))
    for place in case.places:
        if place.known_by == "prefix":
            text = (
                f"The {place.party} is taken to be in {place.place} by the number's prefix, which is a hint."
            )
            reasons.append(Reason(code="place_by_prefix", text=text))
        elif place.known_by == "nothing":
            text = f"Nobody said where the {place.party} is, so the strict rule holds."
            reasons.append(Reason(code="place_unknown", text=text))
    return reasons


_ASKS = {
    "one": "the consent of one party",
    "notice": "a notice",
    "all": "the consent of all parties",
    "opt_in": "an explicit yes of all parties",
}


def _accepted_without(case: AdmissionInput) -> Reason:
    if case.released:
        return Reason(code="released", text="An admin released it from quarantine.", source="consent-policy")
    text = "The account accepts recordings without this evidence."
    return Reason(code="accepted_without_evidence", text=text, source="consent-policy")


def _allowed(case: AdmissionInput, need: Need) -> Reason:
    if need.level == "one":
        return Reason(code="no_notice_needed", text="No notice is needed.")
    if not case.recorded:
        return Reason(code="evidence_to_come", text="The evidence is due when the recording comes in.")
    return Reason(code="evidence_complete", text="What had to be told and answered is on record.")


def _say(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
