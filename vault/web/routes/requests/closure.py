"""The closure of an account: ask for it, show it, take it back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from vault.domain.requests.request import Request, RequestState
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.base import Body, Flag, MomentOut
from vault.web.schemas.requests.requests import Words

router = APIRouter(prefix="/v1/accounts/{account}/closure", tags=["accounts"])
Closing = Annotated[Access, Depends(access("privacy:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]


class ClosureIn(Body):
    """The closure of an account."""

    #: Why it is closed; stored sealed.
    reason: Words
    #: Whether a package with every available recording is made before anything is erased.
    export: Flag = False


class ClosureOut(BaseModel):
    """The newest closure of an account."""

    #: It also has a receipt, and a package if `export` was asked for: those of the request with this id.
    id: str
    #: `review` while it waits, `executing` once it has begun, `fulfilled` when nothing is left, or `withdrawn`.
    state: RequestState
    asked_at: MomentOut
    #: When the waiting time is over. Until then it can be taken back.
    closes_at: MomentOut | None = None
    #: When nothing was left, or when it was taken back.
    closed_at: MomentOut | None = None

    @classmethod
    def of(cls, request: Request) -> "ClosureOut":
        """Show a closure."""
        return cls(
            id=request.id,
            state=request.state,
            asked_at=request.created_at,
            closes_at=request.due_at,
            closed_at=request.closed_at,
        )


@router.post("", status_code=202, response_model=ClosureOut | ApprovalOut)
async def post_closure(
    vault: TheVault, allowed: Closing, body: ClosureIn, approval_reason: ApprovalReason = None
) -> Response:
    """Close the account after the waiting time of its retention policy.

    Then recording is off for good, and links are dead; the export is made, and everything is erased that no hold and no
    legal minimum keeps. What they keep is erased after them. Where the account's rule wants a second person for it,
    nothing is asked for yet, and the response is the approval.
    """

    async def ask() -> Response:
        closure, _ = await vault.requests.closures.ask(
            allowed.account.id, reason=body.reason, export=body.export, actor=allowed.actor
        )
        return answer_json(ClosureOut.of(closure), status=202)

    arguments = {"reason": body.reason, "export": body.export}
    return await done_or_asked(vault, allowed, ask, subject="", arguments=arguments, reason=approval_reason)


@router.get("")
async def get_closure(vault: TheVault, allowed: Auditing) -> ClosureOut:
    """Show the newest closure of the account. 404 if nobody asked for one."""
    return ClosureOut.of(await vault.requests.closures.read(allowed.account.id))


@router.delete("")
async def delete_closure(vault: TheVault, allowed: Closing) -> ClosureOut:
    """Take a closure back that still waits. Nothing has changed then."""
    return ClosureOut.of(await vault.requests.closures.take_back(allowed.account.id, actor=allowed.actor))
