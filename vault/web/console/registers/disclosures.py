"""Disclosures: who got which recording, from the access log. Names of listeners stand in no address."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Response

from vault.domain.recordings.media import clock_length
from vault.errors import Invalid, NotFound
from vault.services.registers.disclosures import Disclosure, DisclosureFilter
from vault.web.console.acts import comes_back
from vault.web.console.forms import checked, see_other
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
#: Filters that stand in the address. The name of a listener never does.
_OPEN_FILTERS: Final = ("recording", "from", "to")
_MAX_FILTER: Final = 200
_ONE_DAY: Final = timedelta(days=1)


@router.get(_PATH)
async def show_disclosures(here: Auditing) -> Response:
    """List all disclosures, oldest first."""
    values = {name: here.form.text(name) or here.query(name, most=_MAX_FILTER) for name in _OPEN_FILTERS}
    search = here.query("search", most=_MAX_FILTER)
    found: Sequence[Disclosure] = ()
    following: int | None = None
    try:
        values["recipient"] = here.form.text("recipient")
        if search and here.mistake is None:
            values |= await here.remembered(search)
        start = whole_number(here.cursor or "", digits=18) or 0
        page = await here.vault.registers.disclosures.page(
            here.account_id, _wanted(values), start=start, limit=_PAGE
        )
        found, following = page.items, page.next_start
    except NotFound as over:
        here = here.wrong(Invalid(str(over), field="search"))
    except MISTAKES as error:
        here = here.wrong(error)
    asked = {name: values[name] for name in _OPEN_FILTERS if values[name]} | (
        {"search": search} if search else {}
    )
    return Tab(SECTION, TABS, _PATH).page(
        here,
        "disclosures.html",
        gettext("Disclosures"),
        found=found,
        following=None if following is None else asked | {"cursor": str(following)},
        kinds=DISCLOSURES,
        is_filtered=any(values.values()),
        length=clock_length,
        values=values,
    )


@router.post(_PATH)
@comes_back(show_disclosures)
async def find_disclosures(here: Auditing) -> Response:
    """Keep what is searched for, and lead to its address, which has no name. Nothing else changes."""
    here = await here.with_form()
    values = {name: here.form.text(name) for name in (*_OPEN_FILTERS, "recipient")}
    try:
        _wanted(values)
    except MISTAKES as error:
        return await show_disclosures(here.wrong(error))
    query = {name: values[name] for name in _OPEN_FILTERS if values[name]}
    if values["recipient"]:
        query["search"] = await here.remember({"recipient": values["recipient"]})
    return see_other(f"{here.allowed.path}{_PATH}" + (f"?{urlencode(query)}" if query else ""))


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
