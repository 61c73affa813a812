"""Endpoints that receive events: their health, and what a person can do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.events.event_types import EVERY_TYPE, OUTWARD_TYPES
from vault.services.events.deliveries import Hour
from vault.services.events.endpoints import EndpointView
from vault.web.console.accounts.connections import EVENTS, SECTION, tabs_of
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.translations import gettext
from vault.web.schemas.event_deliveries import ReplayIn
from vault.web.schemas.events import EventEndpointIn, EventEndpointPatchIn, EventSecretIn

router = console_router()
Auditing = Annotated[Here, needs("audit:read")]
Setting = Annotated[Here, needs("settings:write")]
EndpointId = Annotated[str, Path(max_length=64)]
TAB: Final = Tab(SECTION, tabs_of, EVENTS)
ONE: Final = EVENTS + "/{endpoint}"
_HEIGHT: Final = 40
_MOST: Final = 12
#: The types by the first part of their names, in the order of the registry.
TYPES: Final[dict[str, list[str]]] = {}
for _name in OUTWARD_TYPES:
    TYPES.setdefault(_name.partition(".")[0], []).append(_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An hour of the chart: the heights of what was accepted, and of what was not above it."""

    hour: Hour
    accepted: float
    failed: float


def bars_of(hours: Sequence[Hour]) -> Sequence[Bar]:
    """Return the bars of a chart; the highest one fills it."""
    highest = max(1, *(one.accepted + one.failed for one in hours))
    return [
        Bar(
            hour=one,
            accepted=round(one.accepted / highest * _HEIGHT, 1),
            failed=round(one.failed / highest * _HEIGHT, 1),
        )
        for one in hours
    ]


@router.get(EVENTS)
async def show_endpoints(here: Auditing) -> Response:
    """List the endpoints with the health of each, and show the form of a new one."""
    return await _list(here)


@router.post(EVENTS)
@comes_back(show_endpoints)
async def make_endpoint(here: Setting) -> Response:
    """Make an endpoint, and show its secret once; a double submit shows the same secret."""
    here = await here.with_form()

    async def make() -> str:
        body = checked(EventEndpointIn, _body(here.form))
        made = await here.vault.events.endpoints.make(here.account_id, body.wanted(), actor=here.actor)
        return made.secret

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _list(here.wrong(error))
    return await _list(here, made=made)


@router.get(ONE)
async def show_endpoint(here: Auditing, endpoint: EndpointId) -> Response:
    """Show an endpoint."""
    return await _one(here, endpoint)


@acts(router, ONE, again=show_endpoint)
async def change_endpoint(here: Setting, endpoint: EndpointId) -> str:
    """Change an endpoint, which is healthy again."""
    body = checked(EventEndpointPatchIn, _body(here.form))
    await here.vault.events.endpoints.change(here.account_id, endpoint, body.wanted(), actor=here.actor)
    return f"{EVENTS}/{endpoint}?done=endpoint_changed"


@router.post(ONE + "/secret")
@comes_back(show_endpoint)
async def replace_secret(here: Setting, endpoint: EndpointId) -> Response:
    """Make a new secret, and show it once."""
    here = await here.with_form()

    async def make() -> str:
        body = checked(EventSecretIn, {"grace_seconds": here.form.text("grace_seconds")})
        grace = timedelta(seconds=body.grace_seconds)
        made = await here.vault.events.endpoints.rotate(here.account_id, endpoint, grace, actor=here.actor)
        return made.secret

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _one(here.wrong(error), endpoint)
    return await _one(here, endpoint, made=made)


@acts(router, ONE + "/test", again=show_endpoint)
async def test_endpoint(here: Setting, endpoint: EndpointId) -> str:
    """Send a test event, and show how that ended."""
    end = await here.vault.events.deliveries.test(here.account_id, endpoint, actor=here.actor)
    return f"{EVENTS}/{endpoint}/deliveries?event={end.event_id}"


@acts(router, ONE + "/replay", again=show_endpoint)
async def replay_events(here: Setting, endpoint: EndpointId) -> str:
    """Send events again."""
    sent = {name: moment_text(here.form.text(name)) for name in ("from", "until")}
    sent |= {name: here.form.text(name) for name in ("event", "after")}
    body = checked(ReplayIn, {name: value for name, value in sent.items() if value})
    count = await here.vault.events.deliveries.replay(
        here.account_id, endpoint, body.wanted(), actor=here.actor
    )
    return f"{EVENTS}/{endpoint}?again={count}"


@acts(router, ONE + "/deletion", again=show_endpoint)
async def remove_endpoint(here: Setting, endpoint: EndpointId) -> str:
    """Delete an endpoint and what waits for it, with the account's name typed."""
    here.confirm()
    await here.vault.events.endpoints.delete(here.account_id, endpoint, actor=here.actor)
    return f"{EVENTS}?done=endpoint_deleted"


async def _list(here: Here, *, made: str | None = None) -> Response:
    # Who may make one need not be allowed to read them.
    views = await here.vault.events.endpoints.list(here.account_id) if here.allows("audit:read") else []
    ids = [one.endpoint.id for one in views]
    hours = await here.vault.events.deliveries.of_last_day(here.account_id, ids)
    return TAB.page(
        here,
        "event_endpoints.html",
        gettext("Events for other systems"),
        views=views,
        bars={one: bars_of(hours[one]) for one in ids},
        made=made,
        # What was made is not filled in again.
        **_form(here, None, is_new=made is None),
    )


async def _one(here: Here, endpoint_id: str, *, made: str | None = None) -> Response:
    view = await here.vault.events.endpoints.read(here.account_id, endpoint_id)
    hours = await here.vault.events.deliveries.of_last_day(here.account_id, [endpoint_id])
    again = here.query("again", most=_MOST)
    return TAB.page(
        here,
        "event_endpoint.html",
        view.url,
        view=view,
        bars=bars_of(hours[endpoint_id]),
        made=made,
        again=int(again) if again.isascii() and again.isdigit() else None,
        **_form(here, view, is_new=False),
    )


def _form(here: Here, view: EndpointView | None, *, is_new: bool) -> dict[str, Any]:
    """Return what the form of an endpoint shows: as it was filled in, or as the endpoint is."""
    values: dict[str, str] = {}
    chosen: Sequence[str] = ()
    if view is not None:
        values = {"url": view.url, "description": view.description}
        values |= {"ordered": "on"} if view.endpoint.ordered else {}
        values |= {"ed25519": "on"} if view.endpoint.public_key is not None else {}
        chosen = view.endpoint.types
    if here.mistake is not None and (is_new or here.wrong_form == (view.endpoint.id if view else "")):
        values, chosen = here.form.values(), here.form.many("types")
    sent = here.form.values() if here.mistake is not None else {}
    return {"values": values, "chosen": chosen, "types": TYPES, "every": EVERY_TYPE, "sent": sent}


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes."""
    return {
        "url": form.text("url"),
        "types": form.many("types"),
        "description": form.words("description"),
        "ed25519": form.text("ed25519") == "on",
        "ordered": form.text("ordered") == "on",
    }
