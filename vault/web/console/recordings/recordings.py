"""The list of recordings, and its search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Response

from vault.domain.calls.metadata import MAX_VALUE
from vault.domain.folded_text import without_marks
from vault.domain.recordings.recording import RecordingFilter, State
from vault.errors import Invalid, NotFound, Tampered
from vault.rfc3339 import parse_day
from vault.services.recordings.recordings import RecordingView
from vault.web.console.acts import comes_back
from vault.web.console.forms import see_other
from vault.web.console.here import Here, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.recordings.views import STATE_CHOICES, key_and_value, recording_row
from vault.web.console.route import console_router
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.http.translations import gettext

router = console_router()
Reading = Annotated[Here, needs("recordings:read", of_agents=True)]
_PAGE_SIZE: Final = 50
#: Filters that stand in the address. A number, an agent and metadata never do.
_OPEN_FILTERS: Final = ("state", "call", "class", "from", "to")
_SECRET_FILTERS: Final = ("number", "agent", "metadata")
_MAX_FILTER: Final = 200
#: The newest recordings among whose agents a part of a name is looked for, and how many agents are offered.
_LOOKED_AT: Final = 200
_MAX_AGENTS: Final = 20
#: A key, a colon, a space, and a value.
_MAX_SECRET: Final = 42 + MAX_VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the address asks for, as it was typed."""

    values: dict[str, str]
    search_id: str
    cursor: str | None
    #: Agents of the newest recordings whose names have what was searched for, where it is nobody's whole name.
    agents: Sequence[str] = ()


@router.get("/recordings")
async def get_recordings(here: Reading) -> Response:
    """Show a page of recordings, newest first."""
    query = here.request.query_params
    values = {name: here.query(name, most=_MAX_FILTER) for name in _OPEN_FILTERS}
    asked = _Asked(values=values, search_id=query.get("search", ""), cursor=query.get("cursor"))
    try:
        if asked.search_id:
            values |= await here.remembered(asked.search_id[:_MAX_FILTER])
        return await _list(here, asked)
    except NotFound as error:
        here = here.wrong(Invalid(str(error), field="search"))
    except Invalid as error:
        here = here.wrong(error)
    return await _page(here, asked, rows=[], following=None)


async def _search_again(here: Reading) -> Response:
    """Show the search as it was typed."""
    values = {name: here.form.text(name)[:_MAX_SECRET] for name in (*_OPEN_FILTERS, *_SECRET_FILTERS)}
    asked = _Asked(values=values, search_id="", cursor=None)
    return await _page(here, asked, rows=[], following=None)


@router.post("/recordings/search")
@comes_back(_search_again)
async def post_search(here: Reading) -> Response:
    """Keep what is searched for, and lead to its address, which has neither a number nor a name."""
    form = (await here.with_form()).form
    query = {name: form.text(name)[:_MAX_FILTER] for name in _OPEN_FILTERS if form.text(name)}
    secret = {name: form.text(name)[:_MAX_SECRET] for name in _SECRET_FILTERS if form.text(name)}
    if secret:
        query["search"] = await here.remember(secret)
    return see_other(f"{here.allowed.path}/recordings" + (f"?{urlencode(query)}" if query else ""))


async def _found(here: Here, asked: _Asked, agent: str | None) -> Sequence[RecordingView]:
    values = asked.values
    return await here.vault.recordings.recordings.page(
        here.account_id,
        recording_filter(values),
        number=values.get("number") or None,
        agent=agent,
        agents=here.allowed.agents,
        metadata=[key_and_value(values["metadata"], "metadata")] if values.get("metadata") else (),
        before=read_cursor(asked.cursor),
        limit=_PAGE_SIZE + 1,
    )


async def _list(here: Here, asked: _Asked) -> Response:
    values = asked.values
    agent = values.get("agent") or None
    views = await _found(here, asked, agent)
    if not views and agent:
        asked = replace(asked, agents=await _agents_like(here, agent))
        if len(asked.agents) == 1:
            views = await _found(here, asked, asked.agents[0])
    shown = views[:_PAGE_SIZE]
    following = None
    if len(views) > _PAGE_SIZE:
        last = shown[-1].recording
        open_filters = {name: values[name] for name in _OPEN_FILTERS if values[name]}
        if asked.search_id:
            open_filters["search"] = asked.search_id
        following = urlencode(open_filters | {"cursor": write_cursor(last.received_at, last.id)})
    return await _page(
        here, asked, rows=[recording_row(view, with_call=True) for view in shown], following=following
    )


async def _agents_like(here: Here, part: str) -> Sequence[str]:
    """Return agents of the newest recordings that this session may see, whose names have this part, but for accents.

    Names are found by a keyed hash of the whole name; of a part there is none.
    """
    views = await here.vault.recordings.recordings.page(
        here.account_id,
        RecordingFilter(),
        number=None,
        agent=None,
        agents=here.allowed.agents,
        before=None,
        limit=_LOOKED_AT,
    )
    names = {view.facts.agent for view in views if view.facts.agent}
    return sorted(name for name in names if without_marks(part) in without_marks(name))[:_MAX_AGENTS]


def recording_filter(values: dict[str, str]) -> RecordingFilter:
    """Return the filter of a form's fields. Raises Invalid that names the wrong field."""
    state = values.get("state", "")
    if state and state not in set(State):
        raise WordedInvalid(gettext("There is no such state."), field="state")
    return RecordingFilter(
        state=State(state) if state else None,
        call_ref=values.get("call") or None,
        retention_class=values.get("class") or None,
        received_from=day_of(values, "from"),
        received_to=day_of(values, "to", plus=timedelta(days=1)),
    )


def day_of(values: dict[str, str], name: str, *, plus: timedelta = timedelta()) -> datetime | None:
    """Return the first moment of a field's day in UTC; None if it is empty. Raises Invalid."""
    written = values.get(name, "")
    if not written:
        return None
    try:
        return datetime.combine(parse_day(written), time(), UTC) + plus
    except (ValueError, OverflowError) as error:
        raise WordedInvalid(gettext("Write a day as 2026-01-31."), field=name) from error


async def _classes(here: Here) -> Sequence[str]:
    """Return the names of the classes of the retention policies, for those who may read them."""
    if not here.allows("audit:read"):
        return ()
    try:
        view = await here.vault.retention.policy.read(here.account_id)
    except Tampered:
        return ()
    return sorted({one.name for policy in (view.current, *view.waiting) for one in policy.classes})


async def _page(here: Here, asked: _Asked, *, rows: list[Any], following: str | None) -> Response:
    query = here.request.url.query
    return here.page(
        "recordings.html",
        section="Recordings",
        rows=rows,
        following=following,
        is_continued=asked.cursor is not None,
        is_filtered=any(asked.values.values()),
        states=STATE_CHOICES,
        classes=await _classes(here),
        values=asked.values,
        agents=asked.agents,
        looked_at=_LOOKED_AT,
        waveforms="waveforms" in here.request.query_params,
        here=f"{query}&" if query else "",
    )
