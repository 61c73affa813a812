"""The closure of the account: what it would erase, ask for it, take it back, and what has become of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.requests.closure import EXPORT
from vault.domain.requests.request import Request as Closure
from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.requests import CLOSURE, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import days_left
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext, translatable
from vault.web.routes.closure import ClosureIn
from vault.web.schemas.packages import PartOut

router = console_router()
Closing = Annotated[Console, Depends(console("privacy:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
STATES: Final[Mapping[RequestState, str]] = translatable(
    {
        RequestState.REVIEW: "waits",
        RequestState.EXECUTING: "being carried out",
        RequestState.FULFILLED: "closed",
        RequestState.WITHDRAWN: "taken back",
    }
)
_BADGES: Final[Mapping[RequestState, str]] = {
    RequestState.REVIEW: "warn",
    RequestState.EXECUTING: "warn",
    RequestState.FULFILLED: "good",
}


@router.get(CLOSURE)
async def show_closure(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show what the closure would erase, and the newest closure with its export and its receipt."""
    return await _page(request, vault, allowed)


@router.post(CLOSURE)
async def ask_for_closure(request: Request, vault: TheVault, allowed: Closing) -> Response:
    """Ask for the closure, with the account's name typed."""
    form = await read_form(request)
    sent = {"reason": form.words("reason"), "export": form.text("export") == "on"}

    async def close() -> str:
        body = checked(ClosureIn, sent)
        await vault.closures.ask(
            allowed.account.id, reason=body.reason, export=body.export, actor=allowed.actor
        )
        return f"{allowed.path}{CLOSURE}?done=closure_asked"

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        return await done_or_asked(vault, allowed, close, subject="", arguments=sent)

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="audit:read")


@router.post(CLOSURE + "/withdrawal")
async def take_closure_back(request: Request, vault: TheVault, allowed: Closing) -> Response:
    """Take a closure back that still waits."""
    form = await read_form(request)

    async def take_back() -> str:
        await vault.closures.take_back(allowed.account.id, actor=allowed.actor)
        return f"{allowed.path}{CLOSURE}?done=closure_taken_back"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, mistake=mistake)

    return await run_or_show(request, allowed, form, act=take_back, show=again, reads="audit:read")


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str] | None = None,
    mistake: Mistake | None = None,
) -> Response:
    account_id, now = allowed.account.id, request.app.state.clock()
    closure = await _newest(vault, account_id)
    state = None if closure is None else closure.state
    due_at = None if closure is None else closure.due_at
    return console_page(
        request,
        allowed,
        "closure.html",
        section=SECTION,
        heading=gettext("Closure of the account"),
        tabs=TABS,
        tab=CLOSURE,
        one=closure,
        states=STATES,
        badge="" if state is None else _BADGES.get(state, "quiet"),
        left="" if due_at is None else days_left(due_at, now),
        wants_export=_wants_export(closure),
        parts=() if closure is None else await _parts(vault, closure),
        preview=None if state is RequestState.FULFILLED else await vault.closures.preview(account_id),
        is_free=state in {None, RequestState.WITHDRAWN},
        approval=await _waiting(vault, account_id),
        is_gated=(await vault.approval_rules.read(account_id)).gates("account_closure"),
        values={"export": "on"} if values is None else values,
        mistake=mistake,
    )


async def _newest(vault: Vault, account_id: str) -> Closure | None:
    try:
        return await vault.closures.read(account_id)
    except NotFound:
        return None


def _wants_export(closure: Closure | None) -> bool:
    personal = None if closure is None else closure.personal
    return personal is not None and personal.channel == EXPORT


async def _parts(vault: Vault, closure: Closure) -> Sequence[PartOut]:
    """Return the parts of the export that can be downloaded."""
    try:
        return [PartOut.of(one) for one in await vault.packages.parts(closure.account_id, closure.id)]
    except NotFound:
        return ()


async def _waiting(vault: Vault, account_id: str) -> Approval | None:
    """Return the closure that waits for a second person."""
    found = await vault.approvals.page(
        account_id, state=ApprovalState.PENDING, kinds={"account_closure"}, limit=1
    )
    return next(iter(found), None)
