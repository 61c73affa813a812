"""The callback about requests of people: where their changes are sent, and what became of the deliveries."""

from typing import Annotated

from fastapi import Response

from vault.errors import NotFound
from vault.services.requests.callbacks import CallbackView
from vault.services.service import Vault
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.requests.requests import CALLBACK, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.http.translations import gettext
from vault.web.routes.requests.callback import CallbackIn

router = console_router()
Guarding = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]


@router.get(CALLBACK)
async def show_callback(here: Auditing) -> Response:
    """Show the callback without its secret, and the form that sets it."""
    return await _page(here)


async def _form_again(here: Guarding) -> Response:
    """Show the form as it was filled in."""
    return await _page(here, url=here.form.text("url"))


@router.post(CALLBACK)
@comes_back(_form_again)
async def set_callback(here: Guarding) -> Response:
    """Set the callback, and show its new secret once; a double submit shows the same secret."""
    here = await here.with_form()
    url = here.form.text("url")

    async def make() -> str:
        body = checked(CallbackIn, {"url": url})
        return (await here.vault.requests.callbacks.set(here.account_id, body.url, actor=here.actor)).secret

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _page(here.wrong(error), url=url)
    return await _page(here, made=made)


@acts(router, CALLBACK + "/deletion", again=show_callback)
async def remove_callback(here: Guarding) -> str:
    """Delete the callback and what waits to be delivered, with the account's name typed."""
    here.confirm()
    await here.vault.requests.callbacks.delete(here.account_id, actor=here.actor)
    return f"{CALLBACK}?done=callback_deleted"


async def _page(here: Here, *, url: str | None = None, made: str | None = None) -> Response:
    # Who may set it need not be allowed to read it.
    is_reader = here.allows("audit:read")
    callback = await _current(here.vault, here.account_id) if is_reader else None
    if url is None:
        url = "" if callback is None else callback.url
    return Tab(SECTION, TABS, CALLBACK).page(
        here,
        "request_callback.html",
        gettext("Callback about requests"),
        callback=callback,
        is_reader=is_reader,
        values={"url": url},
        made=made,
    )


async def _current(vault: Vault, account_id: str) -> CallbackView | None:
    try:
        return await vault.requests.callbacks.read(account_id)
    except NotFound:
        return None
