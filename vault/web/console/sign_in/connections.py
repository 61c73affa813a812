"""Sign-in connections of an account: a provider, the vault's client there, and who gets which role."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.accounts.roles import ACCOUNT_ROLES, SCOPES_OF_ROLE, scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.ids import Token
from vault.domain.sign_in.connection import MAX_ROLES, ProviderSettings, SignInConnection, check_issuer
from vault.services.sign_in.provider_documents import ProviderCheck
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import Form, checked, entries, renumbered, require_name, rows_of
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES, WordedForbidden, WordedInvalid
from vault.web.console.route import console_router
from vault.web.console.sign_in.limits import check_rate, count_begun
from vault.web.console.sign_in.members import SECTION, TABS
from vault.web.console.sign_in.words import ROLE_WORDS
from vault.web.http.translations import gettext, translatable
from vault.web.routes.sign_in import arguments_of
from vault.web.schemas.sign_in import SignInConnectionIn, SignInConnectionOut

router = console_router()
Granting = Annotated[Here, needs("keys:write")]
Name = Annotated[str, Path(max_length=64)]
_PATH: Final = "/access/sign-in"
#: Empty rows for further mappings of a value to a role.
_SPARE: Final = 4
#: Fields of which one is filled in where a row is not empty: a role is always chosen.
_FILLED: Final = ("value", "agents")
_TAKEN: Final = translatable(
    "A connection has this name. Choose another one, or change that connection on its page."
)
_DEFAULTS: Final = {"scopes": "openid profile", "claim": "groups"}


@router.get("/access/sign-in/new")
async def show_sign_in_form(here: Granting) -> Response:
    """Show the form of a new connection, or the one that was sent."""
    return await _sent_form(here)


@router.post("/access/sign-in/test")
@comes_back(show_sign_in_form)
async def test_sign_in_provider(here: Granting) -> Response:
    """Fetch the documents of the provider that the form names, and say what is wrong with them. Nothing is stored.

    Or show the form again with more rows.
    """
    here = await here.with_form()
    if here.form.text("more"):
        return await _sent_form(here, spare=2 * _SPARE)
    check_rate(here.request)
    count_begun(here.request)
    try:
        body = checked(SignInConnectionIn, _body(here.form))
        check_issuer(body.issuer)
    except MISTAKES as error:
        return await _sent_form(here.wrong(error))
    check = await here.vault.sign_in.sign_in.check_provider(body.issuer, body.scopes, body.claim[0])
    return await _sent_form(here, check)


@router.get("/access/sign-in/{provider}")
async def show_sign_in_connection(here: Granting, provider: Name) -> Response:
    """Show a connection: what to enter at the provider, and the form to change it."""
    connection = await here.vault.sign_in.connections.get(here.account_id, provider)
    seen = await here.vault.sign_in.sign_in.last_claims(here.account_id, provider)
    return _form(here, _values(connection), SignInConnectionOut.of(connection, here.urls, seen))


@acts(router, "/access/sign-in", again=show_sign_in_form)
async def set_sign_in_connection(here: Granting) -> str:
    """Connect the account to a provider, or change the connection of this name, as REST does."""
    body = checked(SignInConnectionIn, _body(here.form))
    if beyond := scopes_beyond("role", here.allows, scopes_of(one.role for one in body.roles)):
        raise WordedForbidden(
            gettext(
                "You cannot grant roles with scopes that you do not have: %(scopes)s.",
                scopes=", ".join(beyond),
            )
        )
    name, seed, new_id = here.form.text("title"), here.form.text("seed"), None
    arguments = dict(await arguments_of(here.vault, here.account_id, name, body))
    if seed:
        if name in {one.name for one in await here.vault.sign_in.connections.list(here.account_id)}:
            raise WordedInvalid(gettext(_TAKEN), field="title")
        arguments["id"] = new_id = _id_of(here.account_id, seed)
    change = here.vault.sign_in.connections.set(
        here.account_id, name, replace(body.change(), id=new_id), actor=here.actor
    )
    done = f"{_PATH}/{name}?done=sign_in_set"
    return await here.done_or_asked(change, done, subject=name, arguments=arguments)


@acts(router, "/access/sign-in/{provider}/deletion", again=show_sign_in_connection)
async def delete_sign_in_connection_page(here: Granting, provider: Name) -> str:
    """Delete a connection, with its name typed: who signed in by it may do nothing from the next request on."""
    require_name(here.form, provider)
    await here.vault.sign_in.connections.delete(here.account_id, provider, actor=here.actor)
    return "/access?done=sign_in_deleted"


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. An empty row is no mapping; an empty secret keeps the stored one."""
    values = form.values()
    body: dict[str, Any] = {
        "issuer": form.text("issuer"),
        "client_id": form.text("client_id"),
        "scopes": form.text("scopes").split(),
        "claim": form.lines("claim"),
        "acr_values": form.text("acr_values").split(),
        "roles": [
            {
                "value": form.text(f"roles.{row}.value"),
                "role": form.text(f"roles.{row}.role"),
                "agents": entries(form.text(f"roles.{row}.agents")),
            }
            for row in _filled(values)
        ],
    }
    if form.text("authentication") == "private_key_jwt":
        body["client_authentication"] = "private_key_jwt"
    elif form.text("authentication") == "none":
        body["client_secret"] = None
    elif form.text("client_secret"):
        body["client_secret"] = form.text("client_secret")
    return body


def _filled(values: Mapping[str, str]) -> list[int]:
    """Return the numbers of the rows that are mappings. One with agents and no value is: its value is missing."""
    return rows_of(values, "roles", _FILLED, most=MAX_ROLES)


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
        "acr_values": " ".join(settings.acr_values),
    }
    for place, one in enumerate(settings.roles):
        values |= {f"roles.{place}.value": one.value, f"roles.{place}.role": one.role}
        values[f"roles.{place}.agents"] = "\n".join(one.agents)
    return values


def _id_of(account_id: str, seed: str) -> str:
    """Return the id of the new connection that a form is for, so that its addresses are known before it is saved.

    It is a hash of the form's random text: nobody can choose the id of a connection that exists or existed.
    """
    digest = hashlib.sha256(f"sign-in-connection\0{account_id}\0{seed}".encode())
    return f"idp_{digest.hexdigest()[:32]}"


async def _sent_form(here: Here, check: ProviderCheck | None = None, *, spare: int = _SPARE) -> Response:
    """Show the form that was sent, for the connection that it changes or for a new one.

    Its rows are numbered as in the body, so that a mistake stands at the row that has it.
    """
    values = here.values(_DEFAULTS)
    values = renumbered(values, {"roles": _filled(values)})
    if here.form.text("changes"):
        name = here.form.text("changes")
        connection = await here.vault.sign_in.connections.get(here.account_id, name)
        return _form(here, values, SignInConnectionOut.of(connection, here.urls), check, spare=spare)
    return _form(here, values, check=check, spare=spare)


def _form(
    here: Here,
    values: Mapping[str, str],
    one: SignInConnectionOut | None = None,
    check: ProviderCheck | None = None,
    *,
    spare: int = _SPARE,
) -> Response:
    seed = here.form.text("seed") or Token.new().text
    new_uri = here.urls.console("callback", _id_of(here.account_id, seed))
    return Tab(SECTION, TABS, "/access").page(
        here,
        "sign_in_connection.html",
        gettext("Connect a sign-in provider") if one is None else one.name,
        one=one,
        check=check,
        seed=seed,
        redirect_uri=new_uri if one is None else one.redirect_uri,
        rows=min(len(_filled(values)) + spare, MAX_ROLES),
        keeps_secret=check is not None or spare > _SPARE,
        roles=[(one, one) for one in ACCOUNT_ROLES if all(map(here.allows, SCOPES_OF_ROLE[one]))],
        role_words=ROLE_WORDS,
        values=values,
    )
