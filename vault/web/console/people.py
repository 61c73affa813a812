"""People listening: who may hear what and why, when they opened it, and the export for auditors."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse

from vault.domain.playback.link import Link
from vault.errors import Invalid, NotFound
from vault.rfc3339 import write_rfc3339
from vault.services.registers.disclosures import Disclosure, DisclosureFilter
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import checked, read_form, require_name, see_other
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.recording import PURPOSES
from vault.web.console.recordings import day_of
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.schemas.recordings import RevocationIn

router = console_router()
Reading = Annotated[Console, Depends(console("recordings:read", of_agents=True))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
Revoking = Annotated[Console, Depends(console("links:write"))]
_PAGE_SIZE: Final = 50
_EXPORT_PAGE: Final = 500
_MAX_NAME: Final = 200
#: Filters that stand in the address. The name of a listener never does.
_DAYS: Final = ("from", "to")
_MAX_DAY: Final = 40
_COLUMNS: Final = ("log_index", "at", "kind", "recording", "listener", "actor", "link", "granted_bytes")
#: A spreadsheet takes a cell that begins so as a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


@router.get("/people")
async def get_people(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """Show a page of links by their listeners, newest first, with the sessions that they opened."""
    return await _list(request, vault, allowed)


@router.post("/people/search")
async def post_search(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """Keep the listener that is searched for, and lead to an address without the name."""
    form = await read_form(request)
    query = {name: form.text(name)[:_MAX_DAY] for name in _DAYS if form.text(name)}
    if listener := form.text("listener")[:_MAX_NAME]:
        kept = {"listener": listener}
        query["search"] = await vault.console_searches.keep(allowed.session.id, allowed.person.secret, kept)
    return see_other(f"{allowed.path}/people" + (f"?{urlencode(query)}" if query else ""))


@router.post("/people/revocation")
async def post_revocation(request: Request, vault: TheVault, allowed: Revoking) -> Response:
    """Revoke all links of one listener, whose name is typed."""
    form = await read_form(request)
    listener = form.text("listener")

    async def revoke() -> str:
        require_name(form, listener)
        body = checked(RevocationIn, {"listener": listener})
        await vault.links.revoke_all(
            allowed.account.id, recording_id=None, listener=body.listener, actor=allowed.actor
        )
        return f"{allowed.path}/people?done=links_revoked"

    async def again(mistake: Mistake) -> Response:
        return await _list(request, vault, allowed, listener=listener, mistake=mistake)

    return await run_or_show(request, allowed, form, act=revoke, show=again, reads="recordings:read")


@router.get("/people/export.csv")
async def get_export(vault: TheVault, allowed: Auditing) -> Response:
    """Export who got which recording, from the access log: as the disclosures of REST."""
    headers = {"Content-Disposition": 'attachment; filename="listeners.csv"'}
    return StreamingResponse(_rows(vault, allowed), media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(vault: Vault, allowed: Console) -> AsyncIterator[str]:
    yield _csv(_COLUMNS)
    start: int | None = 0
    while start is not None:
        page = await vault.disclosures.page(
            allowed.account.id, DisclosureFilter(), start=start, limit=_EXPORT_PAGE
        )
        yield "".join(_csv(_cells(one)) for one in page.items)
        start = page.next_start


def _cells(one: Disclosure) -> tuple[str, ...]:
    values = (one.recording_id, one.recipient, one.actor, one.link_id)
    texts = [harmless(value or "") for value in values]
    return (str(one.index), write_rfc3339(one.at), one.kind, *texts, str(one.granted))


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _csv(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


async def _links(
    vault: Vault,
    allowed: Console,
    listener: str | None,
    cursor: str | None,
    made: Mapping[str, datetime | None],
) -> Sequence[tuple[Link, str]]:
    """Return a page of links with their listeners' names, and one more if there is a next page."""
    return await vault.links.page(
        allowed.account.id,
        listener=listener,
        open_at=None,
        agents=allowed.agents,
        before=read_cursor(cursor),
        limit=_PAGE_SIZE + 1,
        made_from=made.get("made_from"),
        made_to=made.get("made_to"),
    )


async def _list(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    listener: str | None = None,
    mistake: Mistake | None = None,
) -> Response:
    query = request.query_params
    search_id = query.get("search", "")[:_MAX_NAME]
    days = {name: query.get(name, "")[:_MAX_DAY] for name in _DAYS}
    made: dict[str, datetime | None] = {}
    try:
        made = {"made_from": day_of(days, "from"), "made_to": day_of(days, "to", plus=timedelta(days=1))}
        if search_id and listener is None:
            kept = await vault.console_searches.read(allowed.session.id, allowed.person.secret, search_id)
            listener = kept.get("listener")
    except NotFound as over:
        mistake = Mistake.of(Invalid(str(over), field="search"))
    except Invalid as wrong:
        mistake = Mistake.of(wrong)
    found = await _links(vault, allowed, listener, query.get("cursor"), made)
    ids = [link.id for link, _ in found[:_PAGE_SIZE]]
    return console_page(
        request,
        allowed,
        "people.html",
        section="People listening",
        links=found[:_PAGE_SIZE],
        opened=await vault.links.sessions(allowed.account.id, ids) if allowed.allows("audit:read") else None,
        following=_following(found, days | {"search": search_id}),
        is_filtered=bool(listener or any(days.values())),
        values=days | {"listener": listener or ""},
        listener=listener,
        purposes=PURPOSES,
        mistake=mistake,
    )


def _following(found: Sequence[tuple[Link, str]], asked: dict[str, str]) -> str | None:
    """Return the query of the next page; None on the last one."""
    if len(found) <= _PAGE_SIZE:
        return None
    last = found[_PAGE_SIZE - 1][0]
    query = asked | {"cursor": write_cursor(last.created_at, last.id)}
    return urlencode({name: value for name, value in query.items() if value})
