"""What was sent to an endpoint, and what it answered."""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Response

from vault.domain.events.endpoint import TEST_TYPE
from vault.domain.events.event_types import OUTWARD_TYPES
from vault.domain.outbox.attempt import Outcome
from vault.web.console.events.endpoints import ONE, TAB, EndpointId
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.route import console_router
from vault.web.http.translations import gettext, translatable
from vault.web.routes.event_deliveries import read_place, write_place
from vault.web.schemas.event_deliveries import EventDeliveriesQuery

router = console_router()
OUTCOMES: Final[Mapping[Outcome, str]] = translatable(
    {
        Outcome.ACCEPTED: "taken",
        Outcome.FAILED: "not taken",
        Outcome.UNKNOWN: "no answer",
        Outcome.GONE: "wants no more",
        Outcome.NOT_SENT: "not sent",
    }
)
_PAGE: Final = 50
_FILTERS: Final = ("outcome", "type", "event")
_LONGEST: Final = 64


@router.get(ONE + "/deliveries")
async def show_event_deliveries(here: Annotated[Here, needs("audit:read")], endpoint: EndpointId) -> Response:
    """Show a page of the attempts at an endpoint, with the filters of the address."""
    sent = {name: here.query(name, most=_LONGEST).strip() for name in _FILTERS}
    kept = {name: value for name, value in sent.items() if value}
    asked = checked(EventDeliveriesQuery, kept)
    page = await here.vault.events.deliveries.list(
        here.account_id, endpoint, asked.wanted(), before=read_place(here.cursor), limit=_PAGE
    )
    following = write_place(page.before)
    return TAB.page(
        here,
        "event_deliveries.html",
        gettext("What was sent to the endpoint"),
        endpoint=endpoint,
        deliveries=page.deliveries,
        outcomes=OUTCOMES,
        types=[*OUTWARD_TYPES, TEST_TYPE],
        test_type=TEST_TYPE,
        values=sent,
        is_filtered=bool(kept),
        following=urlencode(kept | {"cursor": following}) if following else None,
    )
