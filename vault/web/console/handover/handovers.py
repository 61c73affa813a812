"""Hand-overs: what stands of recordings in other systems, and decisions of people on contacts."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Path, Response

from vault.web.console.acts import acts
from vault.web.console.forms import checked
from vault.web.console.handed_over import CAUSES, RESIDUES, STATES, TONES
from vault.web.console.handover.integrations import TAB, Reading, Setting, titles_of
from vault.web.console.handover.words import CONTACT_KINDS
from vault.web.console.route import console_router
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.handover import DecisionOnContactIn, HandoversQuery

router = console_router()
HandoverId = Annotated[str, Path(max_length=64)]
HANDOVERS: Final = "/handovers"
_PAGE: Final = 50
_FILTERS: Final = ("state", "integration", "recording")
_LONGEST: Final = 64


@router.get(HANDOVERS)
async def show_handovers(here: Reading) -> Response:
    """Show a page of hand-overs, the newest first, with the filters of the address."""
    sent = {name: here.query(name, most=_LONGEST).strip() for name in _FILTERS}
    kept = {name: value for name, value in sent.items() if value}
    asked = checked(HandoversQuery, kept)
    found = await here.vault.handover.handovers.page(
        here.account_id, asked.wanted(), before=read_cursor(here.cursor), limit=_PAGE
    )
    following = next_cursor(found, _PAGE, lambda one: (one.handover.created_at, one.handover.id))
    views = await here.vault.handover.integrations.list(here.account_id) if here.allows("audit:read") else []
    titles = titles_of(here)
    return TAB.page(
        here,
        "handovers.html",
        gettext("Calls in other systems"),
        found=found,
        integrations=[
            (one.integration.id, titles.get(one.integration.system, one.integration.system)) for one in views
        ],
        choices=translated_pairs(STATES.items()),
        states=STATES,
        tones=TONES,
        handover_causes=CAUSES,
        residues=RESIDUES,
        kinds=CONTACT_KINDS,
        values=sent,
        is_filtered=bool(kept),
        following=urlencode(kept | {"cursor": following}) if following else None,
    )


@acts(router, HANDOVERS + "/{handover}/decision", again=show_handovers)
async def decide_handover(here: Setting, handover: HandoverId) -> str:
    """Write a call to one of its candidates, to none of them, or try again what the system refused."""
    body = checked(DecisionOnContactIn, {"contact": here.form.text("contact") or None})
    await here.vault.handover.handovers.decide(here.account_id, handover, body.contact, actor=here.actor)
    return f"{HANDOVERS}?state=held&done=handover_decided"
