"""An account's consent policy, objections and quarantine."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.consent.consent_event import ConsentPolicy, scopes_given
from vault.errors import Forbidden
from vault.services.service import Vault
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.conditions import version_in
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import read_number
from vault.web.routes.recordings import show
from vault.web.schemas.base import Body, PageQuery
from vault.web.schemas.calls.calls import DecisionOut, EvidenceOut, VerdictIn
from vault.web.schemas.consent.consent import (
    ObjectionIn,
    ObjectionOut,
    ObjectionsOut,
    PoliciesOut,
    PolicyIn,
    PolicyOut,
    PolicyPatchIn,
)
from vault.web.schemas.recordings.recordings import RecordingOut

router = APIRouter(prefix="/v1/accounts/{account}", tags=["consent"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]
Guarding = Annotated[Access, Depends(access("privacy:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
RecordingId = Annotated[str, Path(max_length=64)]
Number = Annotated[str, Path(min_length=1, max_length=64)]


class ObjectionsQuery(Body):
    """A page of objections."""

    cursor: Annotated[str, Query(max_length=64)] | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


@router.get("/consent-policy", response_model=PolicyOut)
async def get_policy(vault: TheVault, allowed: Reading) -> Response:
    """Show the consent policy."""
    return _policy(PolicyOut.of(await vault.consent.policy.read(allowed.account.id)))


@router.put("/consent-policy", response_model=PolicyOut)
async def put_policy(
    request: Request,
    vault: TheVault,
    allowed: Setting,
    body: PolicyIn,
    if_match: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Replace the consent policy. Every field is required. ``If-Match`` prevents lost updates.

    A change to `withdrawal` `erase` also needs the scope `privacy:write`.
    """
    return await _merge(request, vault, allowed, body, if_match)


@router.patch("/consent-policy", response_model=PolicyOut)
async def patch_policy(
    request: Request,
    vault: TheVault,
    allowed: Setting,
    body: PolicyPatchIn,
    if_match: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Change some fields of the consent policy. Fields that are not sent stay unchanged. All versions are kept.

    A change to `withdrawal` `erase` also needs the scope `privacy:write`.
    """
    return await _merge(request, vault, allowed, body, if_match)


@router.get("/consent-policy/history")
async def get_policy_history(
    vault: TheVault, allowed: Reading, asked: Annotated[PageQuery, Query()]
) -> PoliciesOut:
    """List the versions of the consent policy, oldest first."""
    start = read_number(asked.cursor)
    found = await vault.consent.policy.history(allowed.account.id, start=start, limit=asked.limit)
    following = str(start + asked.limit) if len(found) == asked.limit else None
    return PoliciesOut(items=[PolicyOut.of(policy) for policy in found], next_cursor=following)


@router.get("/objections")
async def list_objections(
    vault: TheVault, allowed: Guarding, asked: Annotated[ObjectionsQuery, Query()]
) -> ObjectionsOut:
    """List the numbers that must not be recorded."""
    found = await vault.consent.objections.list(allowed.account.id, after=asked.cursor, limit=asked.limit)
    following = found[-1].id if len(found) == asked.limit else None
    return ObjectionsOut(items=[ObjectionOut.of(objection) for objection in found], next_cursor=following)


@router.get("/objections/{number}")
async def get_objection(
    vault: TheVault, allowed: Guarding, number: Number, asked: Annotated[PageQuery, Query()]
) -> ObjectionsOut:
    """List all objections of a number, including withdrawn ones, oldest first."""
    start = read_number(asked.cursor)
    found = await vault.consent.objections.history(allowed.account.id, number, start=start, limit=asked.limit)
    following = str(start + asked.limit) if len(found) == asked.limit else None
    return ObjectionsOut(items=[ObjectionOut.of(objection) for objection in found], next_cursor=following)


@router.put("/objections/{number}", response_model=ObjectionOut, responses={201: {"model": ObjectionOut}})
async def put_objection(
    vault: TheVault, allowed: Guarding, number: Number, body: ObjectionIn | None = None
) -> Response:
    """Add a number to the objections. After the response no recording of it becomes available."""
    reason = None if body is None else body.reason
    objected, new = await vault.consent.objections.enter(
        allowed.account.id, number, reason=reason, actor=allowed.actor
    )
    return answer_json(ObjectionOut.of(objected), status=201 if new else 200)


@router.delete("/objections/{number}", status_code=204)
async def delete_objection(vault: TheVault, allowed: Guarding, number: Number) -> None:
    """Withdraw the objection of a number. Refused recordings stay refused."""
    await vault.consent.objections.end(allowed.account.id, number, actor=allowed.actor)


@router.get("/recordings/{recording}/evidence")
async def get_evidence(vault: TheVault, allowed: Auditing, recording: RecordingId) -> EvidenceOut:
    """Show the evidence that a recording was allowed, with all data needed to verify its digests."""
    return EvidenceOut.of(
        await vault.consent.records.read_evidence(allowed.account.id, recording, actor=allowed.actor)
    )


@router.post("/recordings/{recording}/release")
async def post_release(
    vault: TheVault, allowed: Guarding, recording: RecordingId, body: VerdictIn
) -> DecisionOut:
    """Release a recording from quarantine. It passes the same gate as any other recording."""
    decision = await vault.recordings.quarantine.release(
        allowed.account.id, recording, reason=body.reason, actor=allowed.actor
    )
    return DecisionOut.of(decision)


@router.post("/recordings/{recording}/refusal")
async def post_refusal(
    vault: TheVault, allowed: Guarding, recording: RecordingId, body: VerdictIn
) -> RecordingOut:
    """Permanently refuse a recording in quarantine. Its keys are destroyed before the response."""
    await vault.recordings.quarantine.refuse(
        allowed.account.id, recording, reason=body.reason, actor=allowed.actor
    )
    return await show(vault, allowed, recording)


async def _merge(
    request: Request, vault: Vault, allowed: Access, body: PolicyIn | PolicyPatchIn, if_match: str | None
) -> Response:
    def change(before: ConsentPolicy) -> ConsentPolicy:
        after = body.merged(before, author=allowed.actor, at=request.app.state.clock())
        if beyond := scopes_beyond("policy", allowed.allows, scopes_given(before, after)):
            raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)}.")
        return after

    policy = await vault.consent.policy.merge(
        allowed.account.id, change, if_version=version_in(if_match, "policy"), actor=allowed.actor
    )
    return _policy(PolicyOut.of(policy))


def _policy(policy: PolicyOut) -> Response:
    return answer_json(policy, headers={"ETag": f'"{policy.version}"'})
