"""The delivery log of a connection: what was answered to its platform, and why."""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Path, Response

from vault.domain.calls.delivery_entry import Outcome
from vault.web.console.accounts.connections import TAB
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.calls.deliveries import DeliveriesQuery

router = console_router()
OUTCOMES: Final[Mapping[Outcome, str]] = translatable(
    {
        "accepted": "recording accepted",
        "noted": "call noted",
        "answered": "call instructions given",
        "duplicate": "known already",
        "ignored": "event not used",
        "refused": "recording refused",
        "erased": "recording erased before",
        "rejected": "request rejected",
        "failed": "vault failed",
    }
)
_PAGE: Final = 50
_FILTERS: Final = ("outcome", "from", "to")
_LONGEST: Final = 64


@router.get("/connections/{connection}/deliveries")
async def show_deliveries(
    here: Annotated[Here, needs("settings:write")], connection: Annotated[str, Path(max_length=128)]
) -> Response:
    """Show a page of the delivery log of a connection, with the filters of the address."""
    sent = {name: here.query(name, most=_LONGEST).strip() for name in _FILTERS}
    query = {"outcome": sent["outcome"]} | {name: moment_text(sent[name]) for name in ("from", "to")}
    asked = checked(DeliveriesQuery, {name: value for name, value in query.items() if value})
    entries = await here.vault.ingest.deliveries.page(
        here.account_id, connection, asked.wanted(), before=read_cursor(here.cursor), limit=_PAGE
    )
    following = next_cursor(entries, _PAGE, lambda entry: (entry.at, entry.id))
    kept = {name: value for name, value in sent.items() if value}
    return TAB.page(
        here,
        "connection_deliveries.html",
        gettext("What was answered to %(name)s", name=connection),
        connection=connection,
        entries=entries,
        outcomes=OUTCOMES,
        values=sent,
        is_filtered=bool(kept),
        following=urlencode(kept | {"cursor": following}) if following else None,
    )
