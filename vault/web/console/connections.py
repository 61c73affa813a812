"""Connections to telephony platforms: list them, make one, show what to enter at the platform, and delete one."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.services.accounts.connections import ConnectionView
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.granting import require_grantable
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.platform_steps import steps_of
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.settings import ConnectionIn

router = console_router()
Setting = Annotated[Console, Depends(console("settings:write"))]
Name = Annotated[str, Path(max_length=128)]
SECTION: Final = "Connections"
#: Credentials that a form can hold; no platform has more.
CREDENTIALS: Final = 6
#: Of those that are still valid while secrets change.
PREVIOUS: Final = 3
#: The page of the account's own settings, which is a tab of this section.
ACCOUNT: Final = "/account"


@router.get("/connections")
async def show_connections(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """List the connections."""
    return console_page(
        request,
        allowed,
        "connections.html",
        section=SECTION,
        heading=gettext("Connections"),
        tabs=tabs_of(allowed),
        tab="/connections",
        views=await vault.connections.list(allowed.account.id),
    )


@router.get("/connections/new")
async def show_connection_form(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Show the form of a connection: a new one, or that which ``from`` names, without its credentials."""
    name = request.query_params.get("from", "")[:128]
    values = (
        {"title": "main"} if not name else _values(await vault.connections.read(allowed.account.id, name))
    )
    return _form(request, vault, allowed, values)


@router.post("/connections")
async def set_connection(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Connect the account to a platform, or change the connection of this name."""
    form = await read_form(request)

    async def connect() -> str:
        body = checked(ConnectionIn, _body(form))
        require_grantable(scopes_beyond("connection", allowed.allows))
        name = form.text("title")
        made, _, _ = await vault.connections.set(allowed.account.id, name, body.wanted(), actor=allowed.actor)
        return f"{allowed.path}/connections/{made.name}?done=connected"

    async def again(mistake: Mistake) -> Response:
        return _form(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=connect, show=again, reads="settings:write")


@router.get("/connections/{connection}")
async def show_connection(request: Request, vault: TheVault, allowed: Setting, connection: Name) -> Response:
    """Show a connection, and what to enter at the platform."""
    return await _page(request, vault, allowed, connection)


@router.post("/connections/{connection}/deletion")
async def delete_connection_page(
    request: Request, vault: TheVault, allowed: Setting, connection: Name
) -> Response:
    """Delete a connection, with its name typed."""
    form = await read_form(request)

    async def delete() -> str:
        require_name(form, connection)
        await vault.connections.delete(allowed.account.id, connection, actor=allowed.actor)
        return f"{allowed.path}/connections?done=disconnected"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, connection, mistake)

    return await run_or_show(request, allowed, form, act=delete, show=again, reads="settings:write")


def tabs_of(allowed: Console) -> list[dict[str, str]]:
    """Return the pages of the section that the session may open."""
    tabs = (
        [
            {"name": translatable("Platforms"), "path": "/connections"},
            {"name": translatable("The account"), "path": ACCOUNT},
        ]
        if allowed.allows("settings:write")
        else []
    )
    if allowed.allows("keys:write"):
        tabs.append({"name": translatable("Keys"), "path": "/connections/keys"})
    if allowed.allows("links:write"):
        tabs.append({"name": translatable("Cut links"), "path": "/connections/keys/cuts"})
    return tabs


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. A credential without a name is none."""
    body: dict[str, Any] = {
        "provider": form.text("provider"),
        "credentials": _pairs(form, "credential", "secret", CREDENTIALS),
        "previous_credentials": _pairs(form, "previous", "previous_secret", PREVIOUS) or None,
        "delete_refused": form.text("delete_refused") == "on",
        "pause_refused": form.text("pause_refused") == "on",
    }
    body |= {name: form.text(name) for name in ("api_base", "next_url") if form.text(name)}
    if form.text("collect_from"):
        body["collect_from"] = moment_text(form.text("collect_from"))
    if form.text("delete_at_source"):
        body["delete_at_source"] = form.text("delete_at_source") == "yes"
    return body


def _pairs(form: Form, name: str, secret: str, most: int) -> dict[str, str]:
    pairs = ((form.text(f"{name}.{n}"), form.text(f"{secret}.{n}")) for n in range(most))
    return {name: secret for name, secret in pairs if name}


def _values(view: ConnectionView) -> dict[str, str]:
    """Return the fields of the form, as a connection fills them; an empty ``collect_from`` keeps the stored one."""
    one = view.connection
    values = {"title": one.name, "provider": one.provider, "delete_at_source": "no"}
    values |= {name: text for name in ("api_base", "next_url") if (text := getattr(one, name))}
    if one.delete_at_source:
        values["delete_at_source"] = "yes"
    return values | {name: "on" for name in ("delete_refused", "pause_refused") if getattr(one, name)}


def _form(
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
) -> Response:
    return console_page(
        request,
        allowed,
        "connection_new.html",
        section=SECTION,
        heading=gettext("Connect a platform"),
        tabs=tabs_of(allowed),
        tab="/connections",
        providers=[(name, name) for name in sorted(vault.connections.providers)],
        credentials=CREDENTIALS,
        previous=PREVIOUS,
        values=values,
        mistake=mistake,
    )


async def _page(
    request: Request, vault: Vault, allowed: Console, name: str, mistake: Mistake | None = None
) -> Response:
    view = await vault.connections.read(allowed.account.id, name)
    return console_page(
        request,
        allowed,
        "connection.html",
        section=SECTION,
        heading=view.connection.name,
        tabs=tabs_of(allowed),
        tab="/connections",
        one=view.connection,
        last=view.activity,
        webhook_url=view.webhook_url,
        steps=steps_of(view.setup),
        mistake=mistake,
    )
