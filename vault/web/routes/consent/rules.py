"""The rule book: the shipped recording rules by place, with their sources, for keys of any scope. Not legal advice."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from vault.domain.legal_rules import rule as nouns
from vault.domain.legal_rules.rule import explain
from vault.web.http.auth import TheVault, caller_of

router = APIRouter(prefix="/v1/rules", tags=["rules"], dependencies=[Depends(caller_of)])


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


@router.get("")
async def list_rules(vault: TheVault) -> RulesOut:
    """List all shipped rules. Not legal advice."""
    version = vault.consent.rules.version
    items = [RuleOut.of(rule, version=version) for rule in await vault.consent.rules.list()]
    return RulesOut(items=items, book_version=version)


@router.get("/{place}")
async def get_rule(vault: TheVault, place: Annotated[str, Path(max_length=64)]) -> RuleOut:
    """Show the rule of a place such as FR or US-WA. An unknown place gets the strict default rule."""
    return RuleOut.of(await vault.consent.rules.find(place), version=vault.consent.rules.version)
