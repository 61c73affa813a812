"""The account's key: its versions, a rotation, and a customer-managed key; and the keys that sign links."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.errors import Unavailable
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.connections import SECTION, tabs_of
from vault.web.console.forms import checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.routes.own_key import OwnKeyIn

router = console_router()
Rotating = Annotated[Console, Depends(console("keys:write"))]
PATH: Final = "/connections/keys"


@router.get("/connections/keys")
async def show_account_keys(request: Request, vault: TheVault, allowed: Rotating) -> Response:
    """Show the versions of the account's key, and the keys of links."""
    return await keys_page(request, vault, allowed)


@router.post("/connections/keys/rotation")
async def rotate_key(request: Request, vault: TheVault, allowed: Rotating) -> Response:
    """Rotate the account's key, with the account's name typed."""
    form = await read_form(request)

    async def rotate() -> str:
        require_name(form, allowed.account.ref)
        await vault.key_rotation.begin(allowed.account.id, actor=allowed.actor)
        return f"{allowed.path}{PATH}?done=rotating"

    async def again(mistake: Mistake) -> Response:
        return await keys_page(request, vault, allowed, mistake=mistake, opened="rotate")

    return await run_or_show(request, allowed, form, act=rotate, show=again, reads="keys:write")


@router.post("/connections/keys/own-key")
async def use_own_key(request: Request, vault: TheVault, allowed: Rotating) -> Response:
    """Set or remove the customer-managed key, with the account's name typed."""
    form = await read_form(request)
    wanted = form.text("key") or None

    async def change() -> str:
        body = checked(OwnKeyIn, {"key": wanted})
        await vault.key_rotation.use_key(allowed.account.id, body.key, actor=allowed.actor)
        return f"{allowed.path}{PATH}?done=rotating"

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        return await done_or_asked(vault, allowed, change, subject="", arguments={"key": wanted})

    async def again(mistake: Mistake) -> Response:
        return await keys_page(
            request, vault, allowed, values=form.values(), mistake=mistake, opened="own-key"
        )

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="keys:write")


async def keys_page(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    values: Mapping[str, str] | None = None,
    mistake: Mistake | None = None,
    opened: str = "",
) -> Response:
    """Return the page of the account's key and of keys that sign links."""
    account_id = allowed.account.id
    try:
        own_key, usable = (await vault.key_rotation.current_key(account_id)).own_key, True
    except Unavailable:
        own_key, usable = None, False
    return console_page(
        request,
        allowed,
        "account_keys.html",
        section=SECTION,
        heading=gettext("Keys"),
        tabs=tabs_of(allowed),
        tab=PATH,
        progress=await vault.key_rotation.status(account_id),
        own_key=own_key,
        usable=usable,
        link_keys=await vault.link_keys.list(account_id),
        values=values or {"key": own_key or ""},
        opened=opened,
        mistake=mistake,
    )
