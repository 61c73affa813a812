"""The register of requests of authorities: list, enter, change and answer them, and the file of a year's counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.registers.entries import AuthorityRequest, Entry
from vault.web.console.acts import acts
from vault.web.console.forms import changes, checked, country_code, entries
from vault.web.console.here import Here, Tab, needs
from vault.web.console.registers.record import RECORD, SECTION, TABS
from vault.web.console.registers.words import ACCESS, DECISIONS, KINDS, SCOPES
from vault.web.console.route import console_router
from vault.web.console.words import moment_text, moment_value, number_or_typed
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.registers.authority_requests import (
    AuthorityRequestIn,
    AuthorityRequestPatchIn,
    ReportQuery,
    TransparencyReportOut,
)

router = console_router()
Guarding = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]
EntryId = Annotated[str, Path(max_length=64)]
AUTHORITIES: Final = f"{RECORD}/authorities"
TAB: Final = Tab(SECTION, TABS, AUTHORITIES)
_PAGE: Final = 50
#: Fields that do not change after the request was entered.
_FIXED: Final = ("authority", "country", "kind", "access", "scope")
_TEXTS: Final = ("instrument", "statute", "reviewer", "handover", "not_told_reason")
_MOMENTS: Final = ("period_from", "period_to", "due_at", "secret_until", "decided_at", "told_at")
_LISTS: Final = ("numbers", "recordings", "leaves")


@router.get(AUTHORITIES)
async def show_authority_requests(here: Auditing) -> Response:
    """List requests of authorities, newest first."""
    before = read_cursor(here.cursor)
    found = await here.vault.registers.authority_requests.page(here.account_id, before=before, limit=_PAGE)
    return TAB.page(
        here,
        "authorities.html",
        gettext("Requests of authorities"),
        entries=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        kinds=KINDS,
        decisions=DECISIONS,
        year=here.now.year,
    )


@router.get(AUTHORITIES + "/new")
async def show_authority_form(here: Auditing) -> Response:
    """Show the form of a new request."""
    return _form(here, {"received_at": moment_value(here.now)})


@router.get(AUTHORITIES + "/report")
async def export_transparency_report(here: Auditing) -> Response:
    """Download the counts of a year as REST gives them: a file to publish, without any person."""
    year = checked(ReportQuery, {"year": here.request.query_params.get("year", "")}).year
    report = TransparencyReportOut.of(
        await here.vault.registers.authority_requests.report(here.account_id, year)
    )
    headers = {"Content-Disposition": f'attachment; filename="authority-requests-{year}.json"'}
    return answer_json(report, headers=headers)


@acts(router, AUTHORITIES, again=show_authority_form)
async def enter_authority_request(here: Guarding) -> str:
    """Enter a request; one of the kind ``preservation`` places a hold on the calls of its numbers."""
    sent = {name: value for name, value in _body(here.form.all_words()).items() if value or value == 0}
    sent["received_at"] = moment_text(here.form.text("received_at"))
    body = checked(AuthorityRequestIn, sent)
    entered = await here.vault.registers.authority_requests.enter(
        here.account_id, body.request(), actor=here.actor
    )
    return f"{AUTHORITIES}/{entered.id}?done=register_changed"


@router.get(AUTHORITIES + "/{authority_request}")
async def show_authority_request(here: Auditing, authority_request: EntryId) -> Response:
    """Show a request in the form that changes and answers it."""
    one = await here.vault.registers.authority_requests.get(here.account_id, authority_request)
    return _form(here, _values(one.content), one)


@acts(router, AUTHORITIES + "/{authority_request}", again=show_authority_request)
async def answer_authority_request(here: Guarding, authority_request: EntryId) -> str:
    """Change a request, such as its decision."""
    before = await here.vault.registers.authority_requests.get(here.account_id, authority_request)
    sent = changes(_body(_values(before.content)), _body(here.form.all_words()))
    body = checked(AuthorityRequestPatchIn, {name: one for name, one in sent.items() if name not in _FIXED})
    await here.vault.registers.authority_requests.change(
        here.account_id, authority_request, body.merged, actor=here.actor
    )
    return f"{AUTHORITIES}/{authority_request}?done=register_changed"


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


def _form(here: Here, stored: Mapping[str, str], one: Entry[AuthorityRequest] | None = None) -> Response:
    return TAB.page(
        here,
        "authority.html",
        gettext("Enter a request of an authority") if one is None else one.content.authority,
        one=one,
        kinds=translated_pairs(KINDS.items()),
        access=translated_pairs(ACCESS.items()),
        scopes=translated_pairs(SCOPES.items()),
        decisions=translated_pairs(DECISIONS.items()),
        values=here.form.all_words() or stored,
    )
