"""What was sent to an endpoint: the list of attempts, events that are sent again, and a test event."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from vault.database.stores.outbox.attempts import Place
from vault.errors import Invalid
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.schemas.event_deliveries import (
    EndpointTestOut,
    EventDeliveriesOut,
    EventDeliveriesQuery,
    EventDeliveryOut,
    ReplayIn,
    ReplayOut,
)

router = APIRouter(prefix="/v1/accounts/{account}/event-endpoints/{endpoint}", tags=["events"])
Setting = Annotated[Access, Depends(access("settings:write", limited=True))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
EndpointId = Annotated[str, Path(max_length=64)]


@router.get("/deliveries")
async def list_event_deliveries(
    vault: TheVault, allowed: Auditing, endpoint: EndpointId, asked: Annotated[EventDeliveriesQuery, Query()]
) -> EventDeliveriesOut:
    """List the attempts of the last 30 days, the newest first. With `event`, those of one event."""
    page = await vault.events.deliveries.list(
        allowed.account.id, endpoint, asked.wanted(), before=read_place(asked.cursor), limit=asked.limit
    )
    return EventDeliveriesOut(
        items=[EventDeliveryOut.of(one) for one in page.deliveries], next_cursor=write_place(page.before)
    )


@router.post("/replay")
async def post_event_replay(
    vault: TheVault, allowed: Setting, endpoint: EndpointId, body: ReplayIn
) -> ReplayOut:
    """Send events of the last 30 days again, with the same ids. Send exactly one of `event`, `from` and `after`."""
    count = await vault.events.deliveries.replay(
        allowed.account.id, endpoint, body.wanted(), actor=allowed.actor
    )
    return ReplayOut(events=count)


@router.post("/test")
async def post_event_test(vault: TheVault, allowed: Setting, endpoint: EndpointId) -> EndpointTestOut:
    """Send an event of the type `endpoint.test`, and say how that ended, after 10 seconds at most."""
    end = await vault.events.deliveries.test(allowed.account.id, endpoint, actor=allowed.actor)
    return EndpointTestOut.of_test(end)


def write_place(place: Place | None) -> str | None:
    """Return the cursor of a place in a list of attempts."""
    return None if place is None else write_cursor(place[0], f"{place[1]}/{place[2]}")


def read_place(cursor: str | None) -> Place | None:
    """Return the place of a cursor. Raises Invalid for a malformed cursor."""
    found = read_cursor(cursor)
    if found is None:
        return None
    event_id, _, number = found[1].rpartition("/")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:  # noqa: PLR2004 - as pagination.read_number
        raise Invalid("cursor must be the next_cursor of an earlier page.", field="cursor")
    return found[0], event_id, int(number)
