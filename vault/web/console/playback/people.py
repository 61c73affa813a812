"""People listening: who may hear what and why, when they opened it, and the export for auditors."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import StreamingResponse

from vault.domain.playback.link import Link
from vault.errors import Invalid, NotFound
from vault.rfc3339 import write_rfc3339
from vault.services.registers.disclosures import Disclosure, DisclosureFilter
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import checked, require_name, see_other
from vault.web.console.here import Here, needs
from vault.web.console.list_pages import harmless
from vault.web.console.recordings.recording import PURPOSES
from vault.web.console.recordings.recordings import day_of
from vault.web.console.route import console_router
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.schemas.playback.links import RevocationIn

router = console_router()
Reading = Annotated[Here, needs("recordings:read", of_agents=True)]
Auditing = Annotated[Here, needs("audit:read")]
Revoking = Annotated[Here, needs("links:write")]
_PAGE_SIZE: Final = 50
_EXPORT_PAGE: Final = 500
_MAX_NAME: Final = 200
#: Filters that stand in the address. The name of a listener never does.
_DAYS: Final = ("from", "to")
_MAX_DAY: Final = 40
_COLUMNS: Final = ("log_index", "at", "kind", "recording", "listener", "actor", "link", "granted_bytes")


@router.get("/people")
async def get_people(here: Reading) -> Response:
    """Show a page of links by their listeners, newest first, with the sessions that they opened."""
    search_id, days = (
        here.query("search", most=_MAX_NAME),
        {name: here.form.text(name)[:_MAX_DAY] or here.query(name, most=_MAX_DAY) for name in _DAYS},
    )
    made: dict[str, datetime | None] = {}
    listener = None if here.mistake is None else here.form.text("listener")
    try:
        if search_id and here.mistake is None:
            listener = (await here.remembered(search_id)).get("listener")
        made = {"made_from": day_of(days, "from"), "made_to": day_of(days, "to", plus=timedelta(days=1))}
    except NotFound as over:
        here = here.wrong(Invalid(str(over), field="search"))
    except Invalid as wrong:
        here = here.wrong(wrong)
    found = await _links(here, listener, made)
    ids = [link.id for link, _ in found[:_PAGE_SIZE]]
    may_audit = here.allows("audit:read")
    return here.page(
        "people.html",
        section="People listening",
        links=found[:_PAGE_SIZE],
        opened=await here.vault.playback.links.sessions(here.account_id, ids) if may_audit else None,
        following=_following(found, days | {"search": search_id}),
        is_filtered=bool(listener or any(days.values())),
        values=days | {"listener": listener or ""},
        listener=listener,
        purposes=PURPOSES,
    )


@router.post("/people/search")
@comes_back(get_people)
async def post_search(here: Reading) -> Response:
    """Keep the listener that is searched for, and lead to an address without the name."""
    here = await here.with_form()
    query = {name: here.form.text(name)[:_MAX_DAY] for name in _DAYS if here.form.text(name)}
    if listener := here.form.text("listener")[:_MAX_NAME]:
        query["search"] = await here.remember({"listener": listener})
    return see_other(f"{here.allowed.path}/people" + (f"?{urlencode(query)}" if query else ""))


@acts(router, "/people/revocation", again=get_people)
async def post_revocation(here: Revoking) -> str:
    """Revoke all links of one listener, whose name is typed."""
    listener = here.form.text("listener")
    require_name(here.form, listener)
    body = checked(RevocationIn, {"listener": listener})
    await here.vault.playback.links.revoke_all(
        here.account_id, recording_id=None, listener=body.listener, actor=here.actor
    )
    return "/people?done=links_revoked"


@router.get("/people/export.csv")
async def get_export(here: Auditing) -> Response:
    """Export who got which recording, from the access log: as the disclosures of REST."""
    headers = {"Content-Disposition": 'attachment; filename="listeners.csv"'}
    return StreamingResponse(_rows(here), media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(here: Here) -> AsyncIterator[str]:
    yield _csv(_COLUMNS)
    start: int | None = 0
    while start is not None:
        page = await here.vault.registers.disclosures.page(
            here.account_id, DisclosureFilter(), start=start, limit=_EXPORT_PAGE
        )
        yield "".join(_csv(_cells(one)) for one in page.items)
        start = page.next_start


def _cells(one: Disclosure) -> tuple[str, ...]:
    values = (one.recording_id, one.recipient, one.actor, one.link_id)
    texts = [harmless(value or "") for value in values]
    return (str(one.index), write_rfc3339(one.at), one.kind, *texts, str(one.granted))


def _csv(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


async def _links(
    here: Here, listener: str | None, made: Mapping[str, datetime | None]
) -> Sequence[tuple[Link, str]]:
    """Return a page of links with their listeners' names, and one more if there is a next page."""
    return await here.vault.playback.links.page(
        here.account_id,
        listener=listener,
        open_at=None,
        agents=here.allowed.agents,
        before=read_cursor(here.cursor),
        limit=_PAGE_SIZE + 1,
        made_from=made.get("made_from"),
        made_to=made.get("made_to"),
    )


def _following(found: Sequence[tuple[Link, str]], asked: dict[str, str]) -> str | None:
    """Return the query of the next page; None on the last one."""
    if len(found) <= _PAGE_SIZE:
        return None
    last = found[_PAGE_SIZE - 1][0]
    query = asked | {"cursor": write_cursor(last.created_at, last.id)}
    return urlencode({name: value for name, value in query.items() if value})
