"""Legal requirements for recording a call, by place: data that can be cited, compared, overridden and explained.

Not legal advice. A rule is one row of the packaged rule book, with its statute, sources, review date and
confidence. Where the parties are in several places, the strictest value of each field applies; for an unknown
place the strict rule applies. An explanation never states that a recording is lawful: that is for a lawyer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

#: Required consent, from the mildest to the strictest: one party's consent, which the account gives itself; a
#: notice; the consent of all, implied by staying on after the notice; an explicit yes, spoken or by key.
Consent = Literal["one", "notice", "all", "opt_in"]
CONSENTS: tuple[Consent, ...] = ("one", "notice", "all", "opt_in")
#: ``contested``: courts or sources disagree, see ``readings``. ``none``: no default is shipped.
Confidence = Literal["high", "medium", "contested", "low", "none"]
_ASKED: dict[Consent, str] = {
    "one": "the consent of one party alone",
    "notice": "a notice to all parties",
    "all": "the consent of all parties",
    "opt_in": "an explicit yes of all parties",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule of one place."""

    #: ISO 3166-1 (``FR``) or ISO 3166-2 (``US-WA``); ``*`` for unknown places.
    place: str
    name: str
    consent: Consent
    #: The notice must be audible in the recording.
    notice_in_recording: bool = False
    #: Recording may begin before the notice or the consent.
    capture_before_consent: bool = True
    #: A tone during the call may replace the spoken notice.
    tone_accepted: bool = False
    #: The notice must offer a way to refuse.
    refusal_route: bool = False
    #: The account's own agents need a notice, too.
    agent_notice: bool = False
    #: The notice must state the retention period.
    retention_spoken: bool = False
    min_retention_days: int | None = None
    max_retention_days: int | None = None
    #: The legal basis, in a few words.
    basis: str = ""
    statute: str = ""
    #: URLs.
    sources: tuple[str, ...] = ()
    reviewed_on: date | None = None
    confidence: Confidence = "low"
    note: str = ""
    #: Where it is contested: one sentence per reading.
    readings: tuple[str, ...] = ()


def country_of(place: str) -> str:
    """Return the country in which a place lies: ``US`` of ``US-WA``, and of ``US``."""
    return place.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOverride:
    """An account's override of a place's rule. A field that is None keeps the rule book's value."""

    place: str
    consent: Consent | None = None
    notice_in_recording: bool | None = None
    capture_before_consent: bool | None = None
    tone_accepted: bool | None = None
    refusal_route: bool | None = None
    reason: str
    #: The id of the API key.
    author: str
    at: datetime

    def apply(self, rule: Rule) -> Rule:
        """Return the rule with the overridden fields."""
        named = (
            "consent",
            "notice_in_recording",
            "capture_before_consent",
            "tone_accepted",
            "refusal_route",
        )
        overridden = {name: value for name in named if (value := getattr(self, name)) is not None}
        return replace(rule, **overridden)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All shipped rules, under one version."""

    #: Changed with every change of the data; decisions record it.
    version: str
    rules: Mapping[str, Rule]
    #: The rule for unknown places.
    unknown: Rule

    def of(self, place: str | None) -> Rule:
        """Return the rule of a place; if the book has none, that of its country, otherwise the strict rule."""
        if place is None:
            return self.unknown
        return (
            self.rules.get(place) or self.rules.get(country_of(place)) or replace(self.unknown, place=place)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The combined requirements of all the parties' places: the strictest value of each field."""

    consent: Consent
    notice_in_recording: bool
    capture_before_consent: bool
    tone_accepted: bool
    refusal_route: bool
    agent_notice: bool
    retention_spoken: bool
    min_retention_days: int | None
    max_retention_days: int | None
    #: The combined rules, with the account's overrides; the strictest first.
    rules: tuple[Rule, ...]


def strictest(rules: Sequence[Rule]) -> Demand:
    """Combine the rules of the parties' places. Raises ValueError for an empty sequence."""
    ordered = sorted(rules, key=lambda rule: CONSENTS.index(rule.consent), reverse=True)
    if not ordered:
        raise ValueError("rules must not be empty.")
    least = [rule.min_retention_days for rule in rules if rule.min_retention_days is not None]
    most = [rule.max_retention_days for rule in rules if rule.max_retention_days is not None]
    return Demand(
        consent=ordered[0].consent,
        notice_in_recording=any(rule.notice_in_recording for rule in rules),
        capture_before_consent=all(rule.capture_before_consent for rule in rules),
        # A place that requires no notice also accepts a tone.
        tone_accepted=all(rule.tone_accepted or rule.consent == "one" for rule in rules),
        refusal_route=any(rule.refusal_route for rule in rules),
        agent_notice=any(rule.agent_notice for rule in rules),
        retention_spoken=any(rule.retention_spoken for rule in rules),
        min_retention_days=max(least, default=None),
        max_retention_days=min(most, default=None),
        rules=tuple(ordered),
    )


def explain(rule: Rule) -> str:
    """Return a rule's requirements, its readings where it is contested, its sources and its confidence."""
    subject = f"{rule.name} ({rule.place})"
    requirements = "; ".join(clauses(rule))
    if rule.confidence == "none":
        sentences = [
            f"{subject}: no default is shipped, and the account must choose.",
            f"Until then it is treated as a place that {requirements}.",
        ]
    else:
        sentences = [f"{subject} {requirements}."]
    if rule.readings:
        sentences.append(f"This is contested. {' '.join(rule.readings)}")
    cited = " ".join([rule.statute, *(f"<{source}>" for source in rule.sources)]).strip()
    if cited:
        sentences.append(f"Source: {cited}.")
    reviewed = f"; reviewed {rule.reviewed_on.isoformat()}" if rule.reviewed_on else ""
    sentences.append(f"Confidence: {rule.confidence}{reviewed}.")
    sentences.append("This is not legal advice.")
    return " ".join(sentences)


def clauses(rule: Rule) -> list[str]:
    """Return what a rule asks for, a clause for each requirement; its place is their subject."""
    return [f"asks for {_ASKED[rule.consent]}", *_more_clauses(rule)]


def _more_clauses(rule: Rule) -> list[str]:
    """Return a clause for each further requirement of the rule."""
    awaited = "consent" if rule.consent in {"all", "opt_in"} else "the notice"
    clauses = {
        "an announcement counts only if it can be heard in the recording": rule.notice_in_recording,
        f"recording may not begin before {awaited}": not rule.capture_before_consent,
        "a tone may stand for the spoken notice": rule.tone_accepted,
        "the notice must offer a way to refuse": rule.refusal_route,
        "the account's own agents must be told, too": rule.agent_notice,
        "the notice must say how long the recording is kept": rule.retention_spoken,
        f"recordings are kept at least {rule.min_retention_days} days": rule.min_retention_days is not None,
        f"recordings are kept at most {rule.max_retention_days} days": rule.max_retention_days is not None,
    }
    return [clause for clause, applies in clauses.items() if applies]
