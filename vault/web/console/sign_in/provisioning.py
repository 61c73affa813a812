"""Provisioning by a company's directory: what to enter there, its tokens, and what it has told."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import NotFound
from vault.web.console.access import require_grantable
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.route import console_router
from vault.web.console.sign_in.members import SECTION, TABS
from vault.web.http.translations import gettext
from vault.web.schemas.provisioning import ProvisioningIn

router = console_router()
Granting = Annotated[Here, needs("keys:write")]
Name = Annotated[str, Path(max_length=64)]
_PATH: Final = "/access/provisioning"
_DEFAULTS: Final = {"connection": "", "roles_from": "claim", "revokes_links": "yes"}


@router.get("/access/provisioning")
async def show_provisioning(here: Granting) -> Response:
    """Show the provisioning: what to enter at the provider, the tokens, and the form of the setting."""
    return await _page(here)


@acts(router, "/access/provisioning", again=show_provisioning)
async def set_provisioning(here: Granting) -> str:
    """Let a directory tell who signs in by a connection, or change what ends with a person."""
    body = checked(ProvisioningIn, _body(here))
    await _require_may_provision(here)
    await here.vault.sign_in.provisioning.set(
        here.account_id,
        connection=body.connection,
        roles_from=body.roles_from,
        revokes_links=body.revokes_links,
        actor=here.actor,
    )
    return f"{_PATH}?done=provisioning_set"


@acts(router, "/access/provisioning/deletion", again=show_provisioning)
async def end_provisioning(here: Granting) -> str:
    """Delete the provisioning, with the account's name typed."""
    here.confirm()
    await _require_may_provision(here)
    await here.vault.sign_in.provisioning.delete(here.account_id, actor=here.actor)
    return "/access?done=provisioning_deleted"


@router.post("/access/provisioning/tokens")
@comes_back(show_provisioning)
async def make_provisioning_token(here: Granting) -> Response:
    """Make a token, and show its text once; a double submit shows the same one."""
    here = await here.with_form()

    async def make() -> str:
        await _require_may_provision(here)
        return (await here.vault.sign_in.provisioning.issue(here.account_id, actor=here.actor))[1].text

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _page(here.wrong(error))
    return await _page(here, made)


@acts(router, "/access/provisioning/tokens/{token}/revocation", again=show_provisioning)
async def revoke_provisioning_token(here: Granting, token: Name) -> str:
    """Revoke a token."""
    await here.vault.sign_in.provisioning.revoke(here.account_id, token, actor=here.actor)
    return f"{_PATH}?done=token_revoked"


async def _page(here: Here, made: str | None = None) -> Response:
    try:
        shown = await here.vault.sign_in.provisioning.get(here.account_id)
    except NotFound:
        shown = None
    stored = _DEFAULTS
    if shown is not None:
        stored = {
            "connection": shown.connection or "",
            "roles_from": shown.setting.roles_from,
            "revokes_links": "yes" if shown.setting.revokes_links else "no",
        }
    return Tab(SECTION, TABS, "/access").page(
        here,
        "provisioning.html",
        gettext("Provisioning"),
        shown=shown,
        made=made,
        base_url=here.urls.scim(here.account.ref),
        connections=[
            (one.name, one.name) for one in await here.vault.sign_in.connections.list(here.account_id)
        ],
        values=here.values(stored),
    )


async def _require_may_provision(here: Here) -> None:
    """Raise unless the session may say who signs in: with the scopes of the roles, and confirmed where wanted."""
    given = await here.vault.sign_in.provisioning.given_scopes(here.account_id)
    require_grantable(scopes_beyond("provisioning", here.allows, given))
    await here.require_verified()


def _body(here: Here) -> Mapping[str, Any]:
    return {
        "connection": here.form.text("connection"),
        "roles_from": here.form.text("roles_from"),
        "revokes_links": here.form.text("revokes_links") != "no",
    }
