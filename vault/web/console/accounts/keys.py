"""The account's key: its versions, a rotation, and a customer-managed key; and the keys that sign links."""

from typing import Annotated, Final

from fastapi import Response

from vault.errors import Unavailable
from vault.web.console.accounts.connections import SECTION, tabs_of
from vault.web.console.acts import acts
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.here import Here, Tab, needs
from vault.web.console.route import console_router
from vault.web.http.translations import gettext
from vault.web.routes.accounts.own_key import OwnKeyIn

router = console_router()
Rotating = Annotated[Here, needs("keys:write")]
PATH: Final = "/connections/keys"
TAB: Final = Tab(SECTION, tabs_of, PATH)


@router.get("/connections/keys")
async def show_account_keys(here: Rotating) -> Response:
    """Show the versions of the account's key, and the keys of links."""
    rotation = here.vault.key_rotation.rotations
    try:
        own_key, usable = (await rotation.current_key(here.account_id)).own_key, True
    except Unavailable:
        own_key, usable = None, False
    return TAB.page(
        here,
        "account_keys.html",
        gettext("Keys"),
        progress=await rotation.status(here.account_id),
        own_key=own_key,
        approvers=await who_approves(here, "own_key"),
        usable=usable,
        link_keys=await here.vault.playback.link_keys.list(here.account_id),
        values={"key": own_key or "", **here.form.values()},
    )


@acts(router, "/connections/keys/rotation", again=show_account_keys)
async def rotate_key(here: Rotating) -> str:
    """Rotate the account's key, with the account's name typed."""
    here.confirm()
    await here.vault.key_rotation.rotations.begin(here.account_id, actor=here.actor)
    return f"{PATH}?done=rotating"


@acts(router, "/connections/keys/own-key", again=show_account_keys)
async def use_own_key(here: Rotating) -> str:
    """Set or remove the customer-managed key, with the account's name typed."""
    sent = {"key": here.form.text("key") or None}
    change = here.vault.key_rotation.rotations.use_key(
        here.account_id, here.confirmed(OwnKeyIn, sent).key, actor=here.actor
    )
    return await here.done_or_asked(change, f"{PATH}?done=rotating", subject="", arguments=sent)
