"""Numbers that must not be recorded: list, enter, look up, and end. Numbers stand in no address."""

import re
from typing import Annotated, Final

from fastapi import Response

from vault.web.console.acts import acts, comes_back
from vault.web.console.consent.policy import SECTION, TABS
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES, WordedInvalid
from vault.web.console.route import console_router
from vault.web.http.translations import gettext
from vault.web.schemas.consent.consent import ObjectionIn

router = console_router()
TAB: Final = Tab(SECTION, TABS, "/consent/objections")
Guarding = Annotated[Here, needs("privacy:write")]
_PAGE: Final = 50
_MAX_NUMBER: Final = 64
#: The reason of an objection that a request of a person entered (vault/services/requests/execute_requests.py).
_BY_REQUEST: Final = re.compile(r"request (req_[0-9a-f]{32})")


@router.get("/consent/objections")
async def show_objections(here: Guarding) -> Response:
    """List the numbers."""
    return await _page(here)


@acts(router, "/consent/objections", again=show_objections)
async def enter_objection(here: Guarding) -> str:
    """Add a number."""
    body = checked(ObjectionIn, {"reason": here.form.text("reason") or None})
    number = _number(here.form)
    await here.vault.consent.objections.enter(here.account_id, number, reason=body.reason, actor=here.actor)
    return "/consent/objections?done=objection_entered"


@router.post("/consent/objections/search")
@comes_back(show_objections)
async def look_up_number(here: Guarding) -> Response:
    """Show all objections of a number, ended ones too."""
    here = await here.with_form()
    try:
        found = await here.vault.consent.objections.history(here.account_id, _number(here.form))
    except MISTAKES as error:
        return await _page(here.wrong(error))
    return await _page(here, history=found)


@acts(router, "/consent/objections/end", again=show_objections)
async def end_objection(here: Guarding) -> str:
    """End the objection of a number, with the account's name typed."""
    here.confirm()
    await here.vault.consent.objections.end(here.account_id, _number(here.form), actor=here.actor)
    return "/consent/objections?done=objection_ended"


def _number(form: Form) -> str:
    number = form.text("number")
    if not 1 <= len(number) <= _MAX_NUMBER:
        raise WordedInvalid(
            gettext("A number has 1 to %(number)s characters.", number=_MAX_NUMBER), field="number"
        )
    return number


async def _page(here: Here, history: object = None) -> Response:
    after = here.query("cursor", most=64) or None
    found = await here.vault.consent.objections.list(here.account_id, after=after, limit=_PAGE)
    sent = here.form.values()
    return TAB.page(
        here,
        "objections.html",
        gettext("Objections"),
        objections=found,
        following=found[-1].id if len(found) == _PAGE else None,
        history=history,
        request_of=_request_of,
        values=sent if history is None else {},
        sought={} if history is None else sent,
    )


def _request_of(reason: str | None) -> str | None:
    """Return the request that entered an objection; None if somebody entered it by hand."""
    found = _BY_REQUEST.fullmatch(reason or "")
    return None if found is None else found[1]
