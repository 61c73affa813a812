"""Decides whether a recording is admitted: at call start, at the announcement and at the gate.

The decision is a pure function of the switch and its history, the rules of the parties' places, the notices and
answers, objections, the account's policy and the facts of the call. It names every rule that applied, and does
not depend on the order in which the rules are evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.consent.call_window import CallSpan, first_moment_off
from vault.domain.consent.consent_event import NO, ConsentEvent, ConsentPolicy, Mode, Objection, Party
from vault.domain.consent.requirements import Need, Position, missing
from vault.domain.legal_rules.rule import Demand
from vault.domain.reason import Reason
from vault.rfc3339 import write_rfc3339

#: ``quarantine`` makes it inaudible until an admin has decided; ``refuse`` is permanent.
Verdict = Literal["allow", "quarantine", "refuse"]


_TOO_MANY_FACTS = Reason(
    code="too_many_facts",
    text="More facts of this call were reported than the maximum, and later ones were refused: check its parties.",
)
_NUMBERS_UNREADABLE = Reason(
    code="numbers_unreadable",
    text="A number of this call cannot be compared with the account's objections: check its parties.",
)


_OBJECTION_WAITS = Reason(
    code="objection_waits",
    text=(
        "A party pressed the key that objects to every recording, and no report says which of the two it was: report "
        "the direction of the call, or enter the objection for the number."
    ),
    source="consent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The assumed place of a party."""

    party: Party
    #: None where it is unknown.
    place: str | None
    #: ``said`` by the platform; derived from the ``prefix`` of a number, which is only a hint; or set by the
    #: ``account`` for its own side.
    known_by: Literal["said", "prefix", "account", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionInput:
    """All inputs of a decision."""

    switch: Switch
    #: Oldest first.
    history: Sequence[SwitchChange]
    span: CallSpan
    #: The switch's epoch when the recording was received; None at call start.
    epoch_at_receipt: int | None
    places: tuple[Place, ...]
    demand: Demand
    policy: ConsentPolicy
    #: The parties outside the account, who need a notice.
    outside: frozenset[Party]
    #: In the order of the reports.
    events: tuple[ConsentEvent, ...] = ()
    #: For any number of the call.
    objections: tuple[Objection, ...] = ()
    #: An admin released it from quarantine, and is responsible for that.
    released: bool = False
    #: False where facts of the call may have been refused because the maximum was reached.
    facts_complete: bool = True
    #: False where a number of the call cannot be compared with the objections of the account.
    numbers_compared: bool = True
    #: A key press objects to every recording, and nobody knows yet whose.
    objection_waits: bool = False
    rule_book: str

    @property
    def recorded(self) -> bool:
        """Return whether there is a recording, so that evidence is required now."""
        return self.epoch_at_receipt is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict and its reasons, with the versions of rules and policy and the epoch of the switch."""

    verdict: Verdict
    #: Reasons against the recording: refusals and missing evidence.
    grounds: tuple[Reason, ...]
    #: Whether the switch, an objection or a party's no is among them: these refuse it over a hold, too.
    is_forbidden: bool
    #: Other reasons: the rules of the places, assumptions, the account's settings.
    remarks: tuple[Reason, ...]
    epoch: int
    #: How consent is requested, and the position of the notice.
    mode: Mode
    position: Position
    #: The account's own agents need a notice, too.
    agent_notice: bool
    places: tuple[Place, ...]
    policy_version: int
    rule_book: str

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return all reasons, those against the recording first."""
        return self.grounds + self.remarks

    @property
    def record(self) -> bool:
        """Return whether the audio may be recorded and stored."""
        return self.verdict != "refuse"


def decide(case: AdmissionInput) -> Decision:
    """Return the decision for one case."""
    need = Need.of(case.demand, case.policy)
    against = [*_switch(case), *_objections(case), *_answers(case)]
    lacking = missing(need, case.events, case.outside, case.span) if case.recorded else []
    unsure = [] if case.facts_complete else [_TOO_MANY_FACTS]
    unsure += [] if case.numbers_compared else [_NUMBERS_UNREADABLE]
    remarks = [*_places(case), *need.reasons]
    if case.objection_waits:
        remarks.insert(0, _OBJECTION_WAITS)
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
        is_forbidden=bool(against),
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
        text = f"Recording has been switched off since {write_rfc3339(switch.changed_at)}."
        reasons.append(Reason(code="switch_off", text=text, source="recording-switch"))
    if case.epoch_at_receipt is not None and case.epoch_at_receipt != switch.epoch:
        text = "Recording was switched off after this recording was received."
        reasons.append(Reason(code="switched_off_since_receipt", text=text, source="recording-switch"))
    # At call start the current switch is sufficient: the call has not taken place yet.
    if case.recorded and (moment := first_moment_off(case.history, case.span)) is not None:
        text = f"Recording was switched off during the call, at {write_rfc3339(moment)}."
        reasons.append(Reason(code="switched_off_during_call", text=text, source="recording-switch"))
    return reasons


def _objections(case: AdmissionInput) -> list[Reason]:
    """Return a reason for an objection that had not ended when the call began; it may also be entered later."""
    for objection in case.objections:
        if objection.until is None or objection.until > case.span.start:
            text = f"A party of this call must not be recorded: objection since {write_rfc3339(objection.since)}."
            return [Reason(code="objection", text=text, source="objections")]
    return []


def _answers(case: AdmissionInput) -> list[Reason]:
    """Return a reason for the first refusal and withdrawal of each party; no earlier or later answer cancels it."""
    reasons: dict[tuple[Party, str], Reason] = {}
    for event in case.events:
        if event.answer in NO:
            text = f"The {event.party} {event.answer} by {event.method} at {write_rfc3339(event.at)}."
            reason = Reason(code=event.answer, text=text, source="consent")
            reasons.setdefault((event.party, event.answer), reason)
    return list(reasons.values())


def _places(case: AdmissionInput) -> list[Reason]:
    """Return a reason for each applied rule, and for each place that is assumed or unknown."""
    reasons = []
    for rule in case.demand.rules:
        contested = " Sources disagree on it." if rule.confidence == "contested" else ""
        if rule.confidence == "none":
            contested = (
                " No default is shipped for it: the account must choose; until then the strict rule applies."
            )
        text = f"{rule.name} ({rule.place}) asks for {_ASKS[rule.consent]}.{contested}"
        reasons.append(Reason(code="rule", text=text, source=rule.statute or None))
    for place in case.places:
        if place.known_by == "prefix":
            text = f"The {place.party} is assumed to be in {place.place}, from the number's prefix (a hint)."
            reasons.append(Reason(code="place_by_prefix", text=text))
        elif place.known_by == "nothing":
            text = f"The place of the {place.party} is unknown, so the strict rule applies."
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
        return Reason(code="evidence_to_come", text="The evidence is required when the recording arrives.")
    return Reason(code="evidence_complete", text="All required notices and answers are on record.")
