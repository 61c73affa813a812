"""Sign-in connections of an account: a provider, the vault's client there, and who gets which role."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.accounts.roles import ROLES, SCOPES_OF_ROLE, scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.sign_in.connection import MAX_ROLES, ProviderSettings, SignInConnection
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.members import SECTION, TABS
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.console.worded import WordedForbidden
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.routes.sign_in import arguments_of
from vault.web.schemas.sign_in import SignInConnectionIn, SignInConnectionOut

router = console_router()
Granting = Annotated[Console, Depends(console("keys:write"))]
Name = Annotated[str, Path(max_length=64)]
_PATH: Final = "/access/sign-in"
#: Rows for further mappings of a value to a role; saving gives as many again.
_SPARE: Final = 4
_DEFAULTS: Final = {"scopes": "openid profile", "claim": "groups"}


@router.get("/access/sign-in/new")
async def show_sign_in_form(request: Request, allowed: Granting) -> Response:
    """Show the form of a connection."""
    return _form(request, allowed, _DEFAULTS)


@router.get("/access/sign-in/{provider}")
async def show_sign_in_connection(
    request: Request, vault: TheVault, allowed: Granting, provider: Name
) -> Response:
    """Show a connection: what to enter at the provider, and the form to change it."""
    return await _page(request, vault, allowed, provider)


@router.post("/access/sign-in")
async def set_sign_in_connection(request: Request, vault: TheVault, allowed: Granting) -> Response:
    """Connect the account to a provider, or change the connection of this name, as REST does."""
    form = await read_form(request)

    async def connect() -> str:
        body = checked(SignInConnectionIn, _body(form))
        if beyond := scopes_beyond("role", allowed.allows, scopes_of(one.role for one in body.roles)):
            raise WordedForbidden(
                gettext(
                    "You cannot grant roles with scopes that you do not have: %(scopes)s.",
                    scopes=", ".join(beyond),
                )
            )
        name = form.text("title")

        async def change() -> str:
            await vault.sign_in_connections.set(allowed.account.id, name, body.change(), actor=allowed.actor)
            return f"{allowed.path}{_PATH}/{name}?done=sign_in_set"

        arguments = await arguments_of(vault, allowed.account.id, name, body)
        return await done_or_asked(vault, allowed, change, subject=name, arguments=arguments)

    async def again(mistake: Mistake) -> Response:
        return _form(request, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=connect, show=again, reads="keys:write")


@router.post("/access/sign-in/{provider}/deletion")
async def delete_sign_in_connection_page(
    request: Request, vault: TheVault, allowed: Granting, provider: Name
) -> Response:
    """Delete a connection, with its name typed: who signed in by it may do nothing from the next request on."""
    form = await read_form(request)

    async def delete() -> str:
        require_name(form, provider)
        await vault.sign_in_connections.delete(allowed.account.id, provider, actor=allowed.actor)
        return f"{allowed.path}/access?done=sign_in_deleted"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, provider, mistake)

    return await run_or_show(request, allowed, form, act=delete, show=again, reads="keys:write")


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. A mapping without a value is none; an empty secret keeps the stored one."""
    body: dict[str, Any] = {
        "issuer": form.text("issuer"),
        "client_id": form.text("client_id"),
        "scopes": form.text("scopes").split(),
        "claim": form.lines("claim"),
        "roles": [
            {"value": value, "role": form.text(f"roles.{n}.role"), "agents": form.lines(f"roles.{n}.agents")}
            for n in range(MAX_ROLES + 1)
            if (value := form.text(f"roles.{n}.value"))
        ],
    }
    if form.text("authentication") == "private_key_jwt":
        body["client_authentication"] = "private_key_jwt"
    elif form.text("authentication") == "none":
        body["client_secret"] = None
    elif form.text("client_secret"):
        body["client_secret"] = form.text("client_secret")
    return body


def _authentication(settings: ProviderSettings) -> str:
    if settings.client_key is not None:
        return "private_key_jwt"
    return "none" if settings.client_secret is None else "client_secret"


def _values(connection: SignInConnection) -> dict[str, str]:
    """Return the fields of the form, as a connection fills them."""
    settings = connection.settings
    values = {
        "title": connection.name,
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "authentication": _authentication(settings),
        "scopes": " ".join(settings.scopes),
        "claim": "\n".join(settings.claim),
    }
    for place, one in enumerate(settings.roles):
        values |= {f"roles.{place}.value": one.value, f"roles.{place}.role": one.role}
        values[f"roles.{place}.agents"] = "\n".join(one.agents)
    return values


def _form(
    request: Request,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
    one: SignInConnectionOut | None = None,
) -> Response:
    filled = sum(bool(values.get(f"roles.{place}.value")) for place in range(MAX_ROLES))
    return console_page(
        request,
        allowed,
        "sign_in_connection.html",
        section=SECTION,
        heading=gettext("Connect a sign-in provider") if one is None else one.name,
        tabs=TABS,
        tab="/access",
        one=one,
        rows=min(filled + _SPARE, MAX_ROLES),
        roles=[
            (role, role) for role in ROLES if all(allowed.allows(scope) for scope in SCOPES_OF_ROLE[role])
        ],
        values=values,
        mistake=mistake,
    )


async def _page(
    request: Request, vault: Vault, allowed: Console, name: str, mistake: Mistake | None = None
) -> Response:
    connection = await vault.sign_in_connections.get(allowed.account.id, name)
    shown = SignInConnectionOut.of(connection, request.app.state.hosting.public_url)
    return _form(request, allowed, _values(connection), mistake, shown)
