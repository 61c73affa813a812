"""Disclosures: who got which recording, from the access log. Names of listeners stand in no address."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Response

from vault.services.registers.disclosures import Disclosure, DisclosureFilter
from vault.web.console.acts import comes_back
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.recordings.recordings import day_of
from vault.web.console.registers.record import RECORD, SECTION, TABS
from vault.web.console.registers.words import DISCLOSURES
from vault.web.console.route import console_router
from vault.web.console.words import whole_number
from vault.web.http.translations import gettext
from vault.web.schemas.registers.recipients import DisclosuresQuery

router = console_router()
Auditing = Annotated[Here, needs("audit:read")]
_PATH: Final = f"{RECORD}/disclosures"
_PAGE: Final = 50
_ONE_DAY: Final = timedelta(days=1)


@router.get(_PATH)
async def show_disclosures(here: Auditing) -> Response:
    """List all disclosures, oldest first."""
    values = here.form.values()
    found: Sequence[Disclosure] = ()
    following: int | None = None
    try:
        asked, start = _wanted(values), whole_number(values.get("cursor", ""), digits=18) or 0
        page = await here.vault.registers.disclosures.page(here.account_id, asked, start=start, limit=_PAGE)
        found, following = page.items, page.next_start
    except MISTAKES as error:
        here = here.wrong(error)
    return Tab(SECTION, TABS, _PATH).page(
        here,
        "disclosures.html",
        gettext("Disclosures"),
        found=found,
        following=following,
        kinds=DISCLOSURES,
        is_filtered=any(text for name, text in values.items() if name != "cursor"),
        values=values,
    )


@router.post(_PATH)
@comes_back(show_disclosures)
async def find_disclosures(here: Auditing) -> Response:
    """List the disclosures of a recording, to a listener, or of some days. Nothing changes."""
    return await show_disclosures(await here.with_form())


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
