"""The account's own settings: its name, its language, and its limits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.domain.accounts.limits import LIMIT_NAMES, OwnLimits
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.connections import ACCOUNT, SECTION, tabs_of
from vault.web.console.forms import Form, checked, read_form
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.console.words import number_or_typed
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.limits import LimitsIn
from vault.web.schemas.settings import AccountIn

router = console_router()
Setting = Annotated[Console, Depends(console("settings:write"))]
#: What each limit bounds.
LIMIT_WORDS: Final[Mapping[str, str]] = translatable(
    {
        "requests_per_second": "Requests per second, on one node",
        "bytes_in_flight": "Bytes of uploads in progress, on one node",
        "queue": "Recordings that wait for a worker",
    }
)


@router.get(ACCOUNT)
async def show_account_settings(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Show the account's settings in their forms."""
    return await _page(request, vault, allowed)


@router.post(ACCOUNT)
async def change_account(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Change the name and the language of the account."""

    async def change(form: Form) -> None:
        # An empty field changes nothing, as at REST.
        fields = {"name": "title", "locale": "locale"}
        sent = {name: text for name, field in fields.items() if (text := form.text(field))}
        body = checked(AccountIn, sent)
        await vault.accounts.open(
            allowed.account.ref, name=body.name, locale=body.locale, actor=allowed.actor
        )

    return await _act(request, vault, allowed, change)


@router.post(ACCOUNT + "/limits")
async def set_account_limits(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Replace the account's own limits; an empty field is the operator's default."""

    async def change(form: Form) -> None:
        body = checked(LimitsIn, {name: _limit(form.text(name)) for name in LIMIT_NAMES})
        own = OwnLimits(
            requests_per_second=body.requests_per_second,
            bytes_in_flight=body.bytes_in_flight,
            queue=body.queue,
        )
        await vault.limits.set(allowed.account.id, own, actor=allowed.actor)

    return await _act(request, vault, allowed, change)


async def _act(
    request: Request, vault: Vault, allowed: Console, change: Callable[[Form], Awaitable[None]]
) -> Response:
    form = await read_form(request)

    async def run() -> str:
        await change(form)
        return f"{allowed.path}{ACCOUNT}?done=account_set"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=run, show=again, reads="settings:write")


def _limit(typed: str) -> int | str | None:
    return number_or_typed(typed, digits=18) if typed else None


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str] | None = None,
    mistake: Mistake | None = None,
) -> Response:
    account, view = allowed.account, await vault.limits.read(allowed.account.id)
    shown = {"title": account.name, "locale": account.locale}
    shown |= {name: str(own) for name in LIMIT_NAMES if (own := getattr(view.own, name)) is not None}
    return console_page(
        request,
        allowed,
        "account.html",
        section=SECTION,
        heading=gettext("The account"),
        tabs=tabs_of(allowed),
        tab=ACCOUNT,
        limits=[
            (name, words, getattr(view.limits, name), getattr(view.ceiling, name))
            for name, words in LIMIT_WORDS.items()
        ],
        values=shown | dict(values or {}),
        mistake=mistake,
    )
