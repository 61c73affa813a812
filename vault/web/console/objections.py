"""Numbers that must not be recorded: list, enter, look up, and end. Numbers stand in no address."""

from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.consent import SECTION, TABS
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.schemas.consent import ObjectionIn

router = console_router()
Guarding = Annotated[Console, Depends(console("privacy:write"))]
_PAGE: Final = 50
_MAX_NUMBER: Final = 64


@router.get("/consent/objections")
async def show_objections(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """List the numbers."""
    return await _page(request, vault, allowed)


@router.post("/consent/objections")
async def enter_objection(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Add a number."""
    form = await read_form(request)

    async def enter() -> str:
        body = checked(ObjectionIn, {"reason": form.text("reason") or None})
        await vault.objections.enter(
            allowed.account.id, _number(form), reason=body.reason, actor=allowed.actor
        )
        return f"{allowed.path}/consent/objections?done=objection_entered"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, form=form, mistake=mistake)

    return await run_or_show(request, allowed, form, act=enter, show=again, reads="privacy:write")


@router.post("/consent/objections/search")
async def look_up_number(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Show all objections of a number, ended ones too."""
    form = await read_form(request)
    try:
        found = await vault.objections.history(allowed.account.id, _number(form))
    except MISTAKES as error:
        return await _page(request, vault, allowed, form=form, mistake=Mistake.of(error))
    return await _page(request, vault, allowed, form=form, history=found)


@router.post("/consent/objections/end")
async def end_objection(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """End the objection of a number, with the account's name typed."""
    form = await read_form(request)

    async def end() -> str:
        require_name(form, allowed.account.ref)
        await vault.objections.end(allowed.account.id, _number(form), actor=allowed.actor)
        return f"{allowed.path}/consent/objections?done=objection_ended"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, form=form, mistake=mistake)

    return await run_or_show(request, allowed, form, act=end, show=again, reads="privacy:write")


def _number(form: Form) -> str:
    number = form.text("number")
    if not 1 <= len(number) <= _MAX_NUMBER:
        raise WordedInvalid(
            gettext("A number has 1 to %(number)s characters.", number=_MAX_NUMBER), field="number"
        )
    return number


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    form: Form | None = None,
    history: object = None,
    mistake: Mistake | None = None,
) -> Response:
    after = request.query_params.get("cursor", "")[:64] or None
    found = await vault.objections.list(allowed.account.id, after=after, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "objections.html",
        section=SECTION,
        heading=gettext("Objections"),
        tabs=TABS,
        tab="/consent/objections",
        objections=found,
        following=found[-1].id if len(found) == _PAGE else None,
        history=history,
        values={} if form is None or history is not None else form.values(),
        sought={} if form is None or history is None else form.values(),
        mistake=mistake,
    )
