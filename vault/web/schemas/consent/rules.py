"""JSON schemas of rules: law as data, with its sources and the note that it is not legal advice."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

from vault.domain.legal_rules import rule as nouns
from vault.domain.legal_rules.explain import explain


class RuleOut(BaseModel):
    """The shipped rule of a place."""

    place: str
    name: str
    consent: nouns.Consent
    notice_in_recording: bool
    capture_before_consent: bool
    tone_accepted: bool
    refusal_route: bool
    agent_notice: bool
    retention_spoken: bool
    min_retention_days: int | None
    max_retention_days: int | None
    basis: str
    statute: str
    sources: list[str]
    reviewed_on: date | None
    confidence: nouns.Confidence
    note: str
    readings: list[str]
    explanation: str
    not_legal_advice: Literal[True] = True
    book_version: str

    @classmethod
    def of(cls, rule: nouns.Rule, *, version: str) -> "RuleOut":
        """Show a rule of the rule book's ``version``."""
        fields = {name: getattr(rule, name) for name in nouns.Rule.__dataclass_fields__}
        return cls(**fields, explanation=explain(rule), book_version=version)


class RulesOut(BaseModel):
    """All rules, ordered by place; the rule of unknown places is first."""

    items: list[RuleOut]
    next_cursor: str | None = None
    book_version: str
    not_legal_advice: Literal[True] = True
