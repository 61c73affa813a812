"""What the law of a place asks of whoever records a call there: data that can be cited, compared and overridden.

Not legal advice. A rule is one row of the packaged rule book: each names its statute, its sources, when it
was reviewed, and how sure it is. Where the parties are in several places the strictest answer to each
question wins; a place that nobody knows is treated strictly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

#: What is asked of the parties, from the mildest to the strictest: one party's consent, which the account
#: gives itself; a notice; the consent of all, which staying on after the notice implies; a spoken or
#: pressed yes.
Consent = Literal["one", "notice", "all", "opt_in"]
CONSENTS: tuple[Consent, ...] = ("one", "notice", "all", "opt_in")
#: ``contested``: courts or sources disagree, and ``readings`` says how. ``none``: no default is shipped.
Confidence = Literal["high", "medium", "contested", "low", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule of one place."""

    #: ISO 3166-1 (``FR``) or ISO 3166-2 (``US-WA``); ``*`` for places that nobody knows.
    place: str
    name: str
    consent: Consent
    #: The notice only counts if it can be heard in the recording itself.
    notice_in_recording: bool = False
    #: Recording may begin before the notice was given or consent was asked.
    capture_before_consent: bool = True
    #: A tone during the call stands for the spoken notice.
    tone_accepted: bool = False
    #: The notice must offer a way to refuse.
    refusal_route: bool = False
    #: The account's own agents must be told, too.
    agent_notice: bool = False
    #: The notice must say how long the recording is kept.
    retention_spoken: bool = False
    min_retention_days: int | None = None
    max_retention_days: int | None = None
    #: The ground on which it stands, in a few words.
    basis: str = ""
    statute: str = ""
    #: Addresses of what was read.
    sources: tuple[str, ...] = ()
    reviewed_on: date | None = None
    confidence: Confidence = "low"
    note: str = ""
    #: Where it is contested: each reading in a sentence.
    readings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOverride:
    """An account's own word on a place, instead of the rule book's. None leaves the book's word."""

    place: str
    consent: Consent | None = None
    notice_in_recording: bool | None = None
    capture_before_consent: bool | None = None
    tone_accepted: bool | None = None
    refusal_route: bool | None = None
    reason: str
    #: The API key that said so, and when.
    author: str
    at: datetime

    def apply(self, rule: Rule) -> Rule:
        """Return the rule as the account has it."""
        named = (
            "consent",
            "notice_in_recording",
            "capture_before_consent",
            "tone_accepted",
            "refusal_route",
        )
        said = {name: value for name in named if (value := getattr(self, name)) is not None}
        return replace(rule, **said)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Every rule that is shipped, under one version."""

    #: Grows with every change of the data; decisions name it.
    version: str
    rules: Mapping[str, Rule]
    #: What holds where nobody knows the place.
    unknown: Rule

    def of(self, place: str | None) -> Rule:
        """Return the rule of a place; of its country where the book has none of a state, else the strict one."""
        if place is None:
            return self.unknown
        country = place.partition("-")[0]
        return self.rules.get(place) or self.rules.get(country) or replace(self.unknown, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What all the parties' places together ask: the strictest answer to each question."""

    consent: Consent
    notice_in_recording: bool
    capture_before_consent: bool
    tone_accepted: bool
    refusal_route: bool
    agent_notice: bool
    retention_spoken: bool
    min_retention_days: int | None
    max_retention_days: int | None
    #: The rules that it comes from, as the account has them; the strictest first.
    rules: tuple[Rule, ...]


def strictest(rules: Sequence[Rule]) -> Demand:
    """Join the rules of the parties' places. Raises ValueError without any."""
    ordered = sorted(rules, key=lambda rule: CONSENTS.index(rule.consent), reverse=True)
    if not ordered:
        raise ValueError("A demand comes from at least one rule.")
    least = [rule.min_retention_days for rule in rules if rule.min_retention_days is not None]
    most = [rule.max_retention_days for rule in rules if rule.max_retention_days is not None]
    return Demand(
        consent=ordered[0].consent,
        notice_in_recording=any(rule.notice_in_recording for rule in rules),
        capture_before_consent=all(rule.capture_before_consent for rule in rules),
        # A place that asks for nothing has nothing against a tone.
        tone_accepted=all(rule.tone_accepted or rule.consent == "one" for rule in rules),
        refusal_route=any(rule.refusal_route for rule in rules),
        agent_notice=any(rule.agent_notice for rule in rules),
        retention_spoken=any(rule.retention_spoken for rule in rules),
        min_retention_days=max(least, default=None),
        max_retention_days=min(most, default=None),
        rules=tuple(ordered),
    )
