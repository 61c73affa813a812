"""Approvals: what waits for a second person, the decision on it, and the rule of the account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked, reference_of
from vault.web.schemas.approvals import (
    ApprovalDetailOut,
    ApprovalOut,
    ApprovalRuleIn,
    ApprovalRuleOut,
    ApprovalsOut,
    ApprovalsQuery,
    DecisionOnIn,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["approvals"])
Approving = Annotated[Access, Depends(access("approvals:write", limited=False))]
Setting = Annotated[Access, Depends(access("settings:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
ApprovalId = Annotated[str, Path(max_length=64)]


@router.get("/approvals")
async def list_approvals(
    vault: TheVault, allowed: Auditing, asked: Annotated[ApprovalsQuery, Query()]
) -> ApprovalsOut:
    """List approvals, newest first; `state=pending` lists what waits for a second person."""
    found = await vault.approvals.approvals.page(
        allowed.account.id, state=asked.state, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.asked_at, one.id))
    items = [ApprovalOut.of(approval, allowed.account.ref) for approval in found]
    return ApprovalsOut(items=items, next_cursor=following)


@router.get("/approvals/{approval}")
async def get_approval(vault: TheVault, allowed: Auditing, approval: ApprovalId) -> ApprovalDetailOut:
    """Show an approval with its arguments, its reason, and the bytes whose digest is approved."""
    view = await vault.approvals.approvals.read(allowed.account.id, approval)
    reference = await reference_of(vault, view.approval)
    return ApprovalDetailOut.view(view, allowed.account.ref, reference)


@router.post("/approvals/{approval}")
async def post_approval(
    vault: TheVault, allowed: Approving, approval: ApprovalId, body: DecisionOnIn | None = None
) -> ApprovalOut:
    """Approve or veto what another person asked for. What is approved is carried out once, immediately if possible.

    An approval carries the digest of what you read; without a body `hold_release` and `retention_cap` are approved.
    Besides `approvals:write` the key needs the scope of the act. 409: another digest, the same person or a key that
    either made, not in time, or decided already. `state` tells what has become of it: `pending` again, with a new
    digest, if its effect has changed since it was shown.
    """
    decided = await vault.approvals.approvals.decide(
        allowed.account.id,
        approval,
        "approve" if body is None else body.decision,
        digest=None if body is None else body.digest,
        actor=allowed.actor,
    )
    return ApprovalOut.of(decided, allowed.account.ref)


@router.get("/approval-rule")
async def get_approval_rule(vault: TheVault, allowed: Auditing) -> ApprovalRuleOut:
    """Show which acts need the approval of a second person. Off by default; `hold_release` always needs one."""
    return ApprovalRuleOut.of(await vault.approvals.rules.read(allowed.account.id))


@router.put("/approval-rule", response_model=ApprovalRuleOut, responses={202: {"model": ApprovalOut}})
async def put_approval_rule(
    vault: TheVault, allowed: Setting, body: ApprovalRuleIn, approval_reason: ApprovalReason = None
) -> Response:
    """Replace the rule.

    What it names needs an approval from this response on. 202: while the rule is on, switching it off or taking an act
    out of it needs an approval itself.
    """

    async def change() -> Response:
        rule = await vault.approvals.rules.set(
            allowed.account.id, enabled=body.enabled, verbs=body.verbs, actor=allowed.actor
        )
        return answer_json(ApprovalRuleOut.of(rule))

    arguments = {"enabled": body.enabled, "verbs": sorted(set(body.verbs))}
    return await done_or_asked(
        vault, allowed, change, subject="", arguments=arguments, reason=approval_reason
    )
