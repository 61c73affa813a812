"""The rule book: the shipped recording rules by place, for keys of any scope."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from vault.web.http.auth import TheVault, caller_of
from vault.web.schemas.consent.rules import RuleOut, RulesOut

router = APIRouter(prefix="/v1/rules", tags=["rules"], dependencies=[Depends(caller_of)])


@router.get("")
async def list_rules(vault: TheVault) -> RulesOut:
    """List all shipped rules. Not legal advice."""
    version = vault.rules.version
    items = [RuleOut.of(rule, version=version) for rule in await vault.rules.list()]
    return RulesOut(items=items, book_version=version)


@router.get("/{place}")
async def get_rule(vault: TheVault, place: Annotated[str, Path(max_length=64)]) -> RuleOut:
    """Show the rule of a place such as FR or US-WA. An unknown place gets the strict default rule."""
    return RuleOut.of(await vault.rules.find(place), version=vault.rules.version)
