"""The callback about requests of people: where their changes are sent, and what became of the deliveries."""

from typing import Annotated

from fastapi import Depends, Request, Response

from vault.errors import NotFound
from vault.services.requests.callbacks import CallbackView
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import checked, made_once, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake, run_or_show
from vault.web.console.requests import CALLBACK, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.routes.request_callback import CallbackIn

router = console_router()
Guarding = Annotated[Console, Depends(console("privacy:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]


@router.get(CALLBACK)
async def show_callback(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the callback without its secret, and the form that sets it."""
    return await _page(request, vault, allowed)


@router.post(CALLBACK)
async def set_callback(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Set the callback, and show its new secret once; a double submit shows the same secret."""
    form = await read_form(request)

    async def make() -> str:
        body = checked(CallbackIn, {"url": form.text("url")})
        return (await vault.callbacks.set(allowed.account.id, body.url, actor=allowed.actor)).secret

    try:
        made = await made_once(request, allowed, form, make)
    except MISTAKES as error:
        return await _page(request, vault, allowed, url=form.text("url"), mistake=Mistake.of(error))
    return await _page(request, vault, allowed, made=made)


@router.post(CALLBACK + "/deletion")
async def remove_callback(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Delete the callback and what waits to be delivered, with the account's name typed."""
    form = await read_form(request)

    async def delete() -> str:
        require_name(form, allowed.account.ref)
        await vault.callbacks.delete(allowed.account.id, actor=allowed.actor)
        return f"{allowed.path}{CALLBACK}?done=callback_deleted"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, mistake=mistake, opened="delete")

    return await run_or_show(request, allowed, form, act=delete, show=again, reads="audit:read")


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    url: str | None = None,
    made: str | None = None,
    opened: str = "",
    mistake: Mistake | None = None,
) -> Response:
    # Who may set it need not be allowed to read it.
    is_reader = allowed.allows("audit:read")
    callback = await _current(vault, allowed.account.id) if is_reader else None
    if url is None:
        url = "" if callback is None else callback.url
    return console_page(
        request,
        allowed,
        "request_callback.html",
        section=SECTION,
        heading=gettext("Callback about requests"),
        tabs=TABS,
        tab=CALLBACK,
        callback=callback,
        is_reader=is_reader,
        values={"url": url},
        made=made,
        opened=opened,
        mistake=mistake,
    )


async def _current(vault: Vault, account_id: str) -> CallbackView | None:
    try:
        return await vault.callbacks.read(account_id)
    except NotFound:
        return None
