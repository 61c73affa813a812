"""Holds, their release, and the second key's word."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.base import Body
from vault.web.schemas.holds import (
    ApprovalOut,
    ApprovalsOut,
    HoldIn,
    HoldOut,
    HoldsOut,
    ReleasePreviewOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["holds"])
Holding = Annotated[Access, Depends(access("holds:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
HoldId = Annotated[str, Path(max_length=64)]


class HoldsQuery(Body):
    """A page of holds."""

    cursor: Annotated[str, Query(max_length=64)] | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


@router.post("/holds", status_code=201, response_model=HoldOut, openapi_extra=IDEMPOTENT)
async def post_hold(request: Request, vault: TheVault, allowed: Holding, body: HoldIn) -> Response:
    """Place a hold. From this response on nothing that it covers is erased, by any path, until it is released.

    Recordings that are not available yet still obey the recording switch, a decline and an objection.
    409: a recording is not available; hold its call or a number instead.
    """

    async def produce() -> HoldOut:
        return HoldOut.of(await vault.holds.place(allowed.account.id, body.wanted(), actor=allowed.actor))

    return await answer_once(request, allowed.caller, produce)


@router.get("/holds")
async def list_holds(vault: TheVault, allowed: Auditing, asked: Annotated[HoldsQuery, Query()]) -> HoldsOut:
    """List holds, also released ones."""
    found = await vault.holds.page(allowed.account.id, after=asked.cursor, limit=asked.limit)
    following = found[-1].hold.id if len(found) == asked.limit else None
    return HoldsOut(items=[HoldOut.of(view) for view in found], next_cursor=following)


@router.get("/holds/{hold}")
async def get_hold(vault: TheVault, allowed: Auditing, hold: HoldId) -> HoldOut:
    """Show a hold."""
    return HoldOut.of(await vault.holds.read(allowed.account.id, hold))


@router.post("/holds/{hold}/release/preview")
async def post_release_preview(vault: TheVault, allowed: Holding, hold: HoldId) -> ReleasePreviewOut:
    """Show what leaves when the hold is released. Nothing changes."""
    return ReleasePreviewOut.of(await vault.hold_releases.preview(allowed.account.id, hold))


@router.delete("/holds/{hold}", status_code=202)
async def delete_hold(
    vault: TheVault,
    allowed: Holding,
    hold: HoldId,
    preview_digest: Annotated[str | None, Header(max_length=128)] = None,
) -> ApprovalOut:
    """Ask for the release of a hold, with the digest of its preview in Preview-Digest.

    The hold goes on until another API key approves, and then until its grace has passed. 409 without a preview of the
    last 24 hours.
    """
    approval = await vault.hold_releases.ask(
        allowed.account.id, hold, digest=preview_digest, actor=allowed.actor
    )
    return ApprovalOut.of(approval)


@router.get("/approvals")
async def list_approvals(vault: TheVault, allowed: Auditing) -> ApprovalsOut:
    """List what waits for a second API key."""
    found = await vault.hold_releases.approvals(allowed.account.id)
    return ApprovalsOut(items=[ApprovalOut.of(approval) for approval in found])


@router.post("/approvals/{approval}")
async def post_approval(
    vault: TheVault, allowed: Holding, approval: Annotated[str, Path(max_length=64)]
) -> ApprovalOut:
    """Approve a release, or a run above the cap of the retention sweep. Neither key may have issued the other.

    A released hold binds until its grace has passed. 409: the same key, or asked more than a week ago.
    """
    return ApprovalOut.of(
        await vault.hold_releases.approve(allowed.account.id, approval, actor=allowed.actor)
    )
