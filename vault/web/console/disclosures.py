"""Disclosures: who got which recording, from the access log. Names of listeners stand in no address."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.services.registers.disclosures import Disclosure, DisclosureFilter
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import checked, read_form
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake
from vault.web.console.recordings import day_of
from vault.web.console.register_words import DISCLOSURES
from vault.web.console.registers import RECORD, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import whole_number
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.schemas.recipients import DisclosuresQuery

router = console_router()
Auditing = Annotated[Console, Depends(console("audit:read"))]
_PATH: Final = f"{RECORD}/disclosures"
_PAGE: Final = 50
_ONE_DAY: Final = timedelta(days=1)


@router.get(_PATH)
async def show_disclosures(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List all disclosures, oldest first."""
    return await _page(request, vault, allowed, {})


@router.post(_PATH)
async def find_disclosures(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List the disclosures of a recording, to a listener, or of some days. Nothing changes."""
    return await _page(request, vault, allowed, (await read_form(request)).values())


async def _page(request: Request, vault: Vault, allowed: Console, values: Mapping[str, str]) -> Response:
    mistake: Mistake | None = None
    found: Sequence[Disclosure] = ()
    following: int | None = None
    try:
        asked, start = _wanted(values), whole_number(values.get("cursor", ""), digits=18) or 0
        page = await vault.disclosures.page(allowed.account.id, asked, start=start, limit=_PAGE)
        found, following = page.items, page.next_start
    except MISTAKES as error:
        mistake = Mistake.of(error)
    return console_page(
        request,
        allowed,
        "disclosures.html",
        section=SECTION,
        heading=gettext("Disclosures"),
        tabs=TABS,
        tab=_PATH,
        found=found,
        following=following,
        kinds=DISCLOSURES,
        is_filtered=any(text for name, text in values.items() if name != "cursor"),
        values=values,
        mistake=mistake,
    )


def _wanted(values: Mapping[str, str]) -> DisclosureFilter:
    """Return the filter. Raises Invalid, naming the field."""
    sent = {name: values[name] for name in ("recording", "recipient") if values.get(name)}
    body = checked(DisclosuresQuery, sent)
    return DisclosureFilter(
        recording_id=body.recording,
        recipient=body.recipient,
        since=day_of(dict(values), "from"),
        until=day_of(dict(values), "to", plus=_ONE_DAY),
    )
