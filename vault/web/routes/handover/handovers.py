"""The hand-overs of an account, and the decision on those with several contacts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from vault.web.http.auth import Access, TheVault, access
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.handover import DecisionOnContactIn, HandoverOut, HandoversOut, HandoversQuery

router = APIRouter(prefix="/v1/accounts/{account}/handovers", tags=["hand-over"])
Setting = Annotated[Access, Depends(access("settings:write"))]
Reading = Annotated[Access, Depends(access("recordings:read"))]
HandoverId = Annotated[str, Path(max_length=64)]


@router.get("")
async def list_handovers(
    vault: TheVault, allowed: Reading, asked: Annotated[HandoversQuery, Query()]
) -> HandoversOut:
    """List what was handed over or should be, the newest first, by state, integration or recording."""
    found = await vault.handover.handovers.page(
        allowed.account.id, asked.wanted(), before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.handover.created_at, one.handover.id))
    return HandoversOut(items=[HandoverOut.of(view) for view in found], next_cursor=following)


@router.get("/{handover}")
async def get_handover(vault: TheVault, allowed: Reading, handover: HandoverId) -> HandoverOut:
    """Show a hand-over."""
    return HandoverOut.of(await vault.handover.handovers.read(allowed.account.id, handover))


@router.post("/{handover}/decision")
async def post_handover_decision(
    vault: TheVault, allowed: Setting, handover: HandoverId, body: DecisionOnContactIn
) -> HandoverOut:
    """Decide which of several contacts a call belongs to, or none of them; or let it be tried again."""
    return HandoverOut.of(
        await vault.handover.handovers.decide(allowed.account.id, handover, body.contact, actor=allowed.actor)
    )
