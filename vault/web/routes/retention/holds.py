"""Holds, and their release."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.routes.approvals.gated import ApprovalReason, approval_response, reason_words
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.base import Body
from vault.web.schemas.retention.holds import HoldIn, HoldOut, HoldsOut, ReleasePreviewOut

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
        return HoldOut.of(
            await vault.retention.holds.place(allowed.account.id, body.wanted(), actor=allowed.actor)
        )

    return await answer_once(request, allowed, produce)


@router.get("/holds")
async def list_holds(vault: TheVault, allowed: Auditing, asked: Annotated[HoldsQuery, Query()]) -> HoldsOut:
    """List holds, also released ones."""
    found = await vault.retention.holds.page(allowed.account.id, after=asked.cursor, limit=asked.limit)
    following = found[-1].hold.id if len(found) == asked.limit else None
    return HoldsOut(items=[HoldOut.of(view) for view in found], next_cursor=following)


@router.get("/holds/{hold}")
async def get_hold(vault: TheVault, allowed: Auditing, hold: HoldId) -> HoldOut:
    """Show a hold."""
    return HoldOut.of(await vault.retention.holds.read(allowed.account.id, hold))


@router.post("/holds/{hold}/release/preview")
async def post_release_preview(vault: TheVault, allowed: Holding, hold: HoldId) -> ReleasePreviewOut:
    """Show what leaves when the hold is released. Nothing changes."""
    return ReleasePreviewOut.of(await vault.retention.hold_releases.preview(allowed.account.id, hold))


@router.delete("/holds/{hold}", status_code=202, response_model=ApprovalOut)
async def delete_hold(
    vault: TheVault,
    allowed: Holding,
    hold: HoldId,
    preview_digest: Annotated[str | None, Header(max_length=128)] = None,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Ask for the release of a hold, with the digest of its preview in Preview-Digest.

    The hold goes on until another person approves, and then until its grace has passed. 409 without a preview of the
    last 24 hours.
    """
    approval = await vault.retention.hold_releases.ask(
        allowed.account.id,
        hold,
        digest=preview_digest,
        actor=allowed.actor,
        reason=reason_words(approval_reason),
    )
    return approval_response(ApprovalOut.of(approval, allowed.account.ref))
