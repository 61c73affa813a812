"""Requests of people about their data, and the receipts that they are answered with."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from vault.domain.accounts.account import Account
from vault.domain.requests.decision import PROVIDING
from vault.domain.requests.package import part_id
from vault.domain.requests.request import Extension
from vault.services.requests.requests import RequestView
from vault.services.service import Vault
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.requests.packages import PartOut, PartQuery, PartsOut
from vault.web.schemas.requests.requests import (
    DecisionIn,
    ExtensionIn,
    PauseIn,
    RequestIn,
    RequestOut,
    RequestsOut,
    RequestsQuery,
    VerificationIn,
)

router = APIRouter(prefix="/v1/accounts/{account}/requests", tags=["requests of people"])
Guarding = Annotated[Access, Depends(access("privacy:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
RequestId = Annotated[str, Path(max_length=64)]


@router.post("", status_code=201, response_model=RequestOut, responses={200: {"model": RequestOut}})
async def post_request(vault: TheVault, allowed: Guarding, body: RequestIn) -> Response:
    """Enter a request of a person and search for their data. Nothing is changed before its decision.

    A repeated POST with the reference of an open request returns it with 200.
    """
    view, new = await vault.requests.requests.receive(
        allowed.account.id, body.new(actor=allowed.actor), actor=allowed.actor
    )
    return answer_json(RequestOut.of(view), status=201 if new else 200)


@router.get("")
async def list_requests(
    vault: TheVault, allowed: Auditing, asked: Annotated[RequestsQuery, Query()]
) -> RequestsOut:
    """List requests, newest first, without what is found of the person."""
    views = await vault.requests.requests.page(
        allowed.account.id,
        state=asked.state,
        due_before=asked.due_before,
        before=read_cursor(asked.cursor),
        limit=asked.limit,
    )
    following = next_cursor(views, asked.limit, lambda one: (one.request.created_at, one.request.id))
    return RequestsOut(items=[RequestOut.of(view) for view in views], next_cursor=following)


async def answer_lacks(vault: Vault, account: Account, view: RequestView) -> Sequence[str] | None:
    """Return what the package for an open request cannot say; None for a request that none can answer."""
    if view.found is None or view.request.kind not in PROVIDING:
        return None
    return (await vault.registers.processing_records.read(account)).answer_lacks


@router.get("/{request_id}")
async def get_request(vault: TheVault, allowed: Auditing, request_id: RequestId) -> RequestOut:
    """Show a request. While it is open, it shows what is found of the person now."""
    view = await vault.requests.requests.read(allowed.account.id, request_id)
    return RequestOut.of(view, await answer_lacks(vault, allowed.account, view))


@router.post("/{request_id}/verification")
async def post_request_verification(
    vault: TheVault, allowed: Guarding, request_id: RequestId, body: VerificationIn
) -> RequestOut:
    """Record that you verified who asks. Erasures and packages need it.

    The same again changes nothing; an earlier time corrects it, and a later one is a 409 `verified`.
    """
    view = await vault.requests.requests.verify(
        allowed.account.id, request_id, body.method, body.at, actor=allowed.actor
    )
    return RequestOut.of(view)


@router.post("/{request_id}/pause")
async def post_request_pause(
    vault: TheVault, allowed: Guarding, request_id: RequestId, body: PauseIn
) -> RequestOut:
    """Record that you wait for the person. Only under the regime uk does it move the deadline.

    A pause for the identity ends with the verification. Under the regime uk, one after the deadline is a 409 `overdue`.
    """
    return RequestOut.of(
        await vault.requests.requests.pause(allowed.account.id, request_id, body.reason, actor=allowed.actor)
    )


@router.post("/{request_id}/resume")
async def post_request_resume(vault: TheVault, allowed: Guarding, request_id: RequestId) -> RequestOut:
    """Record that the person has answered."""
    return RequestOut.of(
        await vault.requests.requests.resume(allowed.account.id, request_id, actor=allowed.actor)
    )


@router.post("/{request_id}/extension")
async def post_request_extension(
    vault: TheVault, allowed: Guarding, request_id: RequestId, body: ExtensionIn
) -> RequestOut:
    """Extend the deadline, once. The person must have been told before the first deadline."""
    extension = Extension(until=body.until, reason=body.reason, told_at=body.told_at)
    return RequestOut.of(
        await vault.requests.requests.extend(allowed.account.id, request_id, extension, actor=allowed.actor)
    )


@router.post("/{request_id}/decision", status_code=202, response_model=RequestOut | ApprovalOut)
async def post_request_decision(
    vault: TheVault,
    allowed: Guarding,
    request_id: RequestId,
    body: DecisionIn,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Decide on everything that is found. The decision is durable; it is carried out within seconds.

    Above 10,000 recordings or calls it is a 409 `too_many_found`: send a `period` that has fewer.
    Where the account's rule wants a second person for it, nothing is decided yet, and the response is the approval.
    """

    async def decide() -> Response:
        view = await vault.requests.requests.decide(
            allowed.account.id, request_id, body.ruling(), actor=allowed.actor
        )
        return answer_json(RequestOut.of(view), status=202)

    decision = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return await done_or_asked(
        vault,
        allowed,
        decide,
        subject=request_id,
        arguments={"request": request_id, "decision": decision},
        reason=approval_reason,
    )


@router.post("/{request_id}/withdrawal")
async def post_request_withdrawal(vault: TheVault, allowed: Guarding, request_id: RequestId) -> RequestOut:
    """Record that the person withdrew the request before its decision. Nothing is done."""
    return RequestOut.of(
        await vault.requests.requests.withdraw(allowed.account.id, request_id, actor=allowed.actor)
    )


@router.get(
    "/{request_id}/receipt",
    response_class=Response,
    responses={200: {"description": "The receipt", "content": {"application/json": {"schema": {}}}}},
)
async def get_request_receipt(vault: TheVault, allowed: Auditing, request_id: RequestId) -> Response:
    """Return the receipt of a closed request, for the person: `callvault verify-receipt` verifies it offline."""
    receipt = await vault.requests.receipts.read(allowed.account.id, request_id)
    headers = {"Content-Disposition": f'attachment; filename="receipt-{request_id}.json"'}
    return answer_json(receipt, headers=headers)


@router.get("/{request_id}/package/parts")
async def get_request_package_parts(vault: TheVault, allowed: Auditing, request_id: RequestId) -> PartsOut:
    """List the parts of a package, each with whole recordings: one, or more where the recordings have above 1 GiB."""
    parts = await vault.requests.packages.parts(allowed.account.id, request_id)
    return PartsOut(items=[PartOut.of(one) for one in parts])


@router.get(
    "/{request_id}/package",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The package",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_request_package(
    vault: TheVault, allowed: Guarding, request_id: RequestId, asked: Annotated[PartQuery, Query()]
) -> Response:
    """Download a part of the package that answers a request or a closure; each at most three times, within 14 days."""
    size, blocks = await vault.requests.packages.download(
        allowed.account.id, request_id, part=asked.part, actor=allowed.actor
    )
    headers = {
        "Content-Disposition": f'attachment; filename="package-{part_id(request_id, asked.part)}.zip"',
        "Content-Length": str(size),
    }
    return StreamingResponse(blocks, media_type="application/zip", headers=headers)
