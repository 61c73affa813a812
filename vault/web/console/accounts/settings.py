"""The account's own settings: its name, its language, and its limits."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Response

from vault.domain.accounts.limits import LIMIT_NAMES, OwnLimits
from vault.web.console.accounts.connections import ACCOUNT, SECTION, tabs_of
from vault.web.console.acts import acts
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.route import console_router
from vault.web.console.words import number_or_typed
from vault.web.http.translations import gettext, translatable
from vault.web.routes.accounts.limits import LimitsIn
from vault.web.schemas.accounts.settings import AccountIn

router = console_router()
Setting = Annotated[Here, needs("settings:write")]
#: What each limit bounds.
LIMIT_WORDS: Final[Mapping[str, str]] = translatable(
    {
        "requests_per_second": "Requests per second, on one node",
        "bytes_in_flight": "Bytes of uploads in progress, on one node",
        "queue": "Recordings that wait for a worker",
    }
)


@router.get(ACCOUNT)
async def show_account_settings(here: Setting) -> Response:
    """Show the account's settings in their forms."""
    view = await here.vault.accounts.limits.read(here.account_id)
    shown = {"title": here.account.name, "locale": here.account.locale}
    shown |= {name: str(own) for name in LIMIT_NAMES if (own := getattr(view.own, name)) is not None}
    return Tab(SECTION, tabs_of, ACCOUNT).page(
        here,
        "account.html",
        gettext("The account"),
        limits=[
            (name, words, getattr(view.limits, name), getattr(view.ceiling, name))
            for name, words in LIMIT_WORDS.items()
        ],
        values=shown | here.form.values(),
    )


@acts(router, ACCOUNT, again=show_account_settings)
async def change_account(here: Setting) -> str:
    """Change the name and the language of the account."""
    # An empty field changes nothing, as at REST.
    fields = {"name": "title", "locale": "locale"}
    sent = {name: text for name, field in fields.items() if (text := here.form.text(field))}
    body = checked(AccountIn, sent, called=fields)
    await here.vault.accounts.accounts.open(
        here.account.ref, name=body.name, locale=body.locale, actor=here.actor
    )
    return f"{ACCOUNT}?done=account_set"


@acts(router, ACCOUNT + "/limits", again=show_account_settings)
async def set_account_limits(here: Setting) -> str:
    """Replace the account's own limits; an empty field is the operator's default."""
    body = checked(LimitsIn, {name: _limit(here.form.text(name)) for name in LIMIT_NAMES})
    own = OwnLimits(
        requests_per_second=body.requests_per_second, bytes_in_flight=body.bytes_in_flight, queue=body.queue
    )
    await here.vault.accounts.limits.set(here.account_id, own, actor=here.actor)
    return f"{ACCOUNT}?done=account_set"


def _limit(typed: str) -> int | str | None:
    return number_or_typed(typed, digits=18) if typed else None
