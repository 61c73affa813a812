"""The retention policy of an account, its preview, ends of contacts, and the retention of a recording."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from vault.services.retention.retention_policy import RetentionView
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.conditions import version_in
from vault.web.http.idempotency import answer_json
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.retention.recording_retention import (
    ContactCallsIn,
    ContactEndIn,
    ContactEndOut,
    PolicyPreviewOut,
    RetentionOut,
)
from vault.web.schemas.retention.retention import (
    RetentionHistoryOut,
    RetentionHistoryQuery,
    RetentionPolicyIn,
    RetentionPolicyOut,
    RetentionVersionOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["retention"])
Retaining = Annotated[Access, Depends(access("retention:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
RecordingId = Annotated[str, Path(max_length=64)]


@router.get("/retention-policy", response_model=RetentionPolicyOut)
async def get_retention_policy(vault: TheVault, allowed: Auditing) -> Response:
    """Show the retention policy in force, and the one that waits. Without one, nothing is erased by time."""
    return _policy(await vault.retention.policy.read(allowed.account.id))


@router.put("/retention-policy", response_model=RetentionPolicyOut, responses={202: {"model": ApprovalOut}})
async def put_retention_policy(
    vault: TheVault,
    allowed: Retaining,
    body: RetentionPolicyIn,
    *,
    if_match: Annotated[str | None, Header(max_length=64)] = None,
    preview_digest: Annotated[str | None, Header(max_length=128)] = None,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Replace the retention policy.

    What it keeps longer is kept from this response on; what it keeps shorter waits for `waiting_days`. 409: a minimum
    exceeds a maximum without a decision; a change that shortens anything lacks the digest of its preview of the last 24
    hours in Preview-Digest; the policy is not the one in If-Match any more. 202: it shortens something, for which the
    account's rule wants a second person, so nothing has changed yet.
    """

    async def change() -> Response:
        view = await vault.retention.policy.set(
            allowed.account.id,
            body.wanted(),
            if_version=version_in(if_match, "policy"),
            digest=preview_digest,
            actor=allowed.actor,
        )
        return _policy(view)

    policy = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return await done_or_asked(
        vault, allowed, change, subject="", arguments={"policy": policy}, reason=approval_reason
    )


@router.get("/retention-policy/history")
async def get_retention_history(
    vault: TheVault, allowed: Auditing, asked: Annotated[RetentionHistoryQuery, Query()]
) -> RetentionHistoryOut:
    """List the versions of the retention policy, oldest first."""
    history = await vault.retention.policy.history(allowed.account.id, after=asked.cursor, limit=asked.limit)
    following = str(history[-1].version) if len(history) == asked.limit else None
    items = [RetentionVersionOut.of(policy) for policy in history]
    return RetentionHistoryOut(items=items, next_cursor=following)


@router.post("/retention-policy/preview")
async def post_retention_preview(
    vault: TheVault, allowed: Retaining, body: RetentionPolicyIn
) -> PolicyPreviewOut:
    """Show what a policy would do to every available recording. Nothing changes."""
    return PolicyPreviewOut.of(await vault.retention.preview(allowed.account.id, body.wanted()))


@router.post("/contact-ends")
async def post_contact_end(vault: TheVault, allowed: Retaining, body: ContactEndIn) -> ContactEndOut:
    """Say when the contact with a person ended: periods from `contact_ended` of its recordings count from then.

    Repeated, it also reaches recordings that came since. A period ends no sooner than the policy's `waiting_days` after
    this.
    """
    change = await vault.retention.contact_ends.end(
        allowed.account.id,
        numbers=body.numbers,
        calls=body.calls,
        ended_at=body.ended_at,
        actor=allowed.actor,
    )
    return ContactEndOut.of(change)


@router.post("/contact-ends/withdrawal")
async def post_contact_end_withdrawal(
    vault: TheVault, allowed: Retaining, body: ContactCallsIn
) -> ContactEndOut:
    """Take back the end of a contact: from this response on no period counts from it."""
    change = await vault.retention.contact_ends.withdraw(
        allowed.account.id, numbers=body.numbers, calls=body.calls, actor=allowed.actor
    )
    return ContactEndOut.of(change)


@router.get("/recordings/{recording}/retention")
async def get_retention(vault: TheVault, allowed: Auditing, recording: RecordingId) -> RetentionOut:
    """Show why a recording is still here: every period, minimum, maximum and hold, as data and in words.

    `leaf` and `policy_leaf` are indices of the access log: `GET access-events/{index}/proof` proves them.
    """
    return RetentionOut.of(await vault.retention.recordings.proven(allowed.account.id, recording))


def _policy(view: RetentionView) -> Response:
    return answer_json(RetentionPolicyOut.view(view), headers={"ETag": f'"{view.newest.version}"'})
