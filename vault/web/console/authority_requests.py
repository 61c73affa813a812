"""The register of requests of authorities: list, enter, change and answer them, and the file of a year's counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.registers.entries import AuthorityRequest, Entry
from vault.web.console.access import Console, console
from vault.web.console.forms import changes, checked, country_code, entries, read_form
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.register_words import ACCESS, DECISIONS, KINDS, SCOPES
from vault.web.console.registers import RECORD, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import moment_text, moment_value, number_or_typed
from vault.web.http.auth import TheVault
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.authority_requests import (
    AuthorityRequestIn,
    AuthorityRequestPatchIn,
    ReportQuery,
    TransparencyReportOut,
)

router = console_router()
Guarding = Annotated[Console, Depends(console("privacy:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
EntryId = Annotated[str, Path(max_length=64)]
AUTHORITIES: Final = f"{RECORD}/authorities"
_PAGE: Final = 50
#: Fields that do not change after the request was entered.
_FIXED: Final = ("authority", "country", "kind", "access", "scope")
_TEXTS: Final = ("instrument", "statute", "reviewer", "handover", "not_told_reason")
_MOMENTS: Final = ("period_from", "period_to", "due_at", "secret_until", "decided_at", "told_at")
_LISTS: Final = ("numbers", "recordings", "leaves")


@router.get(AUTHORITIES)
async def show_authority_requests(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List requests of authorities, newest first."""
    before = read_cursor(request.query_params.get("cursor") or None)
    found = await vault.authority_requests.page(allowed.account.id, before=before, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "authorities.html",
        section=SECTION,
        heading=gettext("Requests of authorities"),
        tabs=TABS,
        tab=AUTHORITIES,
        entries=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        kinds=KINDS,
        decisions=DECISIONS,
        year=request.app.state.clock().year,
    )


@router.get(AUTHORITIES + "/new")
async def show_authority_form(request: Request, allowed: Auditing) -> Response:
    """Show the form of a new request."""
    return _form(request, allowed, {"received_at": moment_value(request.app.state.clock())})


@router.get(AUTHORITIES + "/report")
async def export_transparency_report(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Download the counts of a year as REST gives them: a file to publish, without any person."""
    year = checked(ReportQuery, {"year": request.query_params.get("year", "")}).year
    report = TransparencyReportOut.of(await vault.authority_requests.report(allowed.account.id, year))
    headers = {"Content-Disposition": f'attachment; filename="authority-requests-{year}.json"'}
    return answer_json(report, headers=headers)


@router.post(AUTHORITIES)
async def enter_authority_request(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Enter a request; one of the kind ``preservation`` places a hold on the calls of its numbers."""
    form = await read_form(request)
    values = form.all_words()

    async def enter() -> str:
        sent = {name: value for name, value in _body(values).items() if value or value == 0}
        body = checked(AuthorityRequestIn, sent | {"received_at": moment_text(form.text("received_at"))})
        entered = await vault.authority_requests.enter(
            allowed.account.id, body.request(), actor=allowed.actor
        )
        return f"{allowed.path}{AUTHORITIES}/{entered.id}?done=register_changed"

    async def again(mistake: Mistake) -> Response:
        return _form(request, allowed, values, mistake)

    return await run_or_show(request, allowed, form, act=enter, show=again, reads="audit:read")


@router.get(AUTHORITIES + "/{authority_request}")
async def show_authority_request(
    request: Request, vault: TheVault, allowed: Auditing, authority_request: EntryId
) -> Response:
    """Show a request in the form that changes and answers it."""
    one = await vault.authority_requests.get(allowed.account.id, authority_request)
    return _form(request, allowed, _values(one.content), one=one)


@router.post(AUTHORITIES + "/{authority_request}")
async def answer_authority_request(
    request: Request, vault: TheVault, allowed: Guarding, authority_request: EntryId
) -> Response:
    """Change a request, such as its decision."""
    form = await read_form(request)
    before = await vault.authority_requests.get(allowed.account.id, authority_request)

    async def change() -> str:
        sent = changes(_body(_values(before.content)), _body(form.all_words()))
        body = checked(
            AuthorityRequestPatchIn, {name: one for name, one in sent.items() if name not in _FIXED}
        )
        await vault.authority_requests.change(
            allowed.account.id, authority_request, body.merged, actor=allowed.actor
        )
        return f"{allowed.path}{AUTHORITIES}/{authority_request}?done=register_changed"

    async def again(mistake: Mistake) -> Response:
        return _form(request, allowed, form.all_words(), mistake, before)

    return await run_or_show(request, allowed, form, act=change, show=again, reads="audit:read")


def _body(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes; a list has one entry in each line."""
    body: dict[str, Any] = {name: values.get(name, "") for name in (*_TEXTS, *_FIXED)}
    body |= {name: moment_text(values.get(name, "")) for name in _MOMENTS}
    body |= {name: entries(values.get(name, "")) for name in _LISTS}
    body["leaves"] = [number_or_typed(one, digits=18) for one in body["leaves"]]
    affected = values.get("affected", "")
    body["affected"] = number_or_typed(affected, digits=9) if affected else None
    body["country"] = country_code(body["country"])
    return body | {"decision": values.get("decision") or None}


def _values(one: AuthorityRequest) -> dict[str, str]:
    """Return the fields of the form, as a request fills them."""
    moments: dict[str, datetime | None] = {name: getattr(one, name) for name in _MOMENTS}
    values = {name: getattr(one, name) for name in (*_TEXTS, *_FIXED)}
    values |= {name: moment_value(moment) for name, moment in moments.items()}
    values |= {name: "\n".join(str(entry) for entry in getattr(one, name)) for name in _LISTS}
    return values | {
        "affected": "" if one.affected is None else str(one.affected),
        "decision": one.decision or "",
    }


def _form(
    request: Request,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
    one: Entry[AuthorityRequest] | None = None,
) -> Response:
    return console_page(
        request,
        allowed,
        "authority.html",
        section=SECTION,
        heading=gettext("Enter a request of an authority") if one is None else one.content.authority,
        tabs=TABS,
        tab=AUTHORITIES,
        one=one,
        kinds=translated_pairs(KINDS.items()),
        access=translated_pairs(ACCESS.items()),
        scopes=translated_pairs(SCOPES.items()),
        decisions=translated_pairs(DECISIONS.items()),
        values=values,
        mistake=mistake,
    )
