"""The closure of the account: what it would erase, ask for it, take it back, and what has become of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Response

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.requests.request import CLOSURE_EXPORT, RequestState
from vault.domain.requests.request import Request as Closure
from vault.errors import NotFound
from vault.services.service import Vault
from vault.web.console.acts import acts
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.here import Here, Tab, needs
from vault.web.console.requests.requests import CLOSURE, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import days_left
from vault.web.http.translations import gettext, translatable
from vault.web.routes.requests.closure import ClosureIn
from vault.web.schemas.requests.packages import PartOut

router = console_router()
Closing = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]
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
async def show_closure(here: Auditing) -> Response:
    """Show what the closure would erase, and the newest closure with its export and its receipt."""
    vault, account_id = here.vault, here.account_id
    closure = await _newest(vault, account_id)
    state = None if closure is None else closure.state
    due_at = None if closure is None else closure.due_at
    return Tab(SECTION, TABS, CLOSURE).page(
        here,
        "closure.html",
        gettext("Closure of the account"),
        one=closure,
        states=STATES,
        badge="" if state is None else _BADGES.get(state, "quiet"),
        left="" if due_at is None else days_left(due_at, here.now),
        wants_export=_wants_export(closure),
        parts=() if closure is None else await _parts(vault, closure),
        preview=None
        if state is RequestState.FULFILLED
        else await vault.requests.closures.preview(account_id),
        is_free=state in {None, RequestState.WITHDRAWN},
        approval=await _waiting(vault, account_id),
        approvers=await who_approves(here, "account_closure"),
        values=here.values({"export": "on"}),
    )


@acts(router, CLOSURE, again=show_closure)
async def ask_for_closure(here: Closing) -> str:
    """Ask for the closure, with the account's name typed."""
    sent = {"reason": here.form.words("reason"), "export": here.form.text("export") == "on"}
    body = here.confirmed(ClosureIn, sent)
    close = here.vault.requests.closures.ask(
        here.account_id, reason=body.reason, export=body.export, actor=here.actor
    )
    return await here.done_or_asked(close, f"{CLOSURE}?done=closure_asked", subject="", arguments=sent)


@acts(router, CLOSURE + "/withdrawal", again=show_closure)
async def take_closure_back(here: Closing) -> str:
    """Take a closure back that still waits."""
    await here.vault.requests.closures.take_back(here.account_id, actor=here.actor)
    return f"{CLOSURE}?done=closure_taken_back"


async def _newest(vault: Vault, account_id: str) -> Closure | None:
    try:
        return await vault.requests.closures.read(account_id)
    except NotFound:
        return None


def _wants_export(closure: Closure | None) -> bool:
    personal = None if closure is None else closure.personal
    return personal is not None and personal.channel == CLOSURE_EXPORT


async def _parts(vault: Vault, closure: Closure) -> Sequence[PartOut]:
    """Return the parts of the export that can be downloaded."""
    try:
        return [
            PartOut.of(one) for one in await vault.requests.packages.parts(closure.account_id, closure.id)
        ]
    except NotFound:
        return ()


async def _waiting(vault: Vault, account_id: str) -> Approval | None:
    """Return the closure that waits for a second person."""
    found = await vault.approvals.approvals.page(
        account_id, state=ApprovalState.PENDING, kinds={"account_closure"}, limit=1
    )
    return next(iter(found), None)
