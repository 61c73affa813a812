"""Sign in at the provider of a connection: go there, come back, and be signed out by it."""

import re
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse

from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.ids import Token
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.attempt import LIFE
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import NotAuthentic, NotFound, TooMany, Unavailable, VaultError
from vault.services.service import Vault
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.web.console.access import console_secret, set_console_cookie
from vault.web.console.forms import see_other
from vault.web.console.layout import message_page
from vault.web.console.mistakes import WordedInvalid, words_of_error
from vault.web.console.route import console_router, error_page
from vault.web.console.sign_in.limits import check_rate, count_begun, count_failure
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.cookies import delete_own_cookie, own_name, read_cookie, set_own_cookie
from vault.web.http.problems import of_error, problem
from vault.web.http.translations import gettext, translatable

router = console_router("/console")
ConnectionId = Annotated[str, Path(max_length=64)]
#: Longer than any code or state; what is longer is cut, and then wrong.
_MAX_VALUE: Final = 4096
_MAX_FIELDS: Final = 8
_NO_ADDRESS: Final = translatable(
    "There is no such sign-in address. Ask your administrator for the right one."
)


#: The connection by which a browser signed in last, so that the sign-in page leads there when the session is over. It
#: is no secret: the id is in the address that an administrator gives to people.
_LAST: Final = "provider"
_ID: Final = re.compile(r"idp_[0-9a-f]{32}")
_SECONDS: Final = 90 * 24 * 3600


@router.get("/sign-in/{connection}")
async def get_provider_sign_in(request: Request, vault: TheVault, connection: ConnectionId) -> Response:
    """Lead to the provider. A link and no form: the policy of the page would forbid a form to lead there."""
    try:
        check_rate(request)
        count_begun(request)
        begun = await vault.sign_in.sign_in.begin(
            connection,
            return_path=request.query_params.get("next"),
            fresh=request.query_params.get("fresh") == "1",
        )
    except NotFound:
        count_failure(request)
        return _refused(WordedInvalid(gettext(_NO_ADDRESS)), 404)
    except SignInRefused as refused:
        return _refused(refused, 502)
    except TooMany as error:
        return error_page(request, error)
    except Unavailable as error:
        return _provider_away(error)
    response = see_other(begun.address)
    name, seconds = _cookie(begun.attempt.state.text), int(LIFE.total_seconds())
    # Lax: the provider's page leads back here. A cookie for each attempt, so that two tabs can sign in.
    set_own_cookie(request, response, name, begun.attempt.secret.text, seconds=seconds, same_site="lax")
    return response


@router.get("/jwks/{connection}")
async def get_key_set(request: Request, vault: TheVault, connection: ConnectionId) -> Response:
    """Show the provider the public key by which it checks the vault (RFC 7517)."""
    try:
        check_rate(request)
        found = await vault.sign_in.connections.public_keys(connection)
    except NotFound as missing:
        count_failure(request)
        return problem(404, str(missing))
    except TooMany as error:
        return of_error(error)
    return JSONResponse(found, headers={"Cache-Control": "public, max-age=300"})


@router.get("/callback/{connection}")
async def get_callback(request: Request, vault: TheVault, connection: ConnectionId) -> Response:
    """Come back from the provider: begin a session, or say why not."""
    answer = _answer(request)
    cookie = _cookie(answer.state)
    try:
        check_rate(request)
        signed_in = await vault.sign_in.sign_in.finish(
            connection,
            answer,
            secret=read_cookie(request, own_name(request, cookie)) or "",
            current=await _current(request, vault),
            address=client_address(request),
            agent=request.headers.get("user-agent", ""),
        )
    except (SignInRefused, NotFound) as refused:
        count_failure(request)
        response = _refused(
            refused, 404 if isinstance(refused, NotFound) else 401, again=labelled(request, connection)
        )
    except TooMany as over:
        return error_page(request, over)
    except Unavailable as away:
        response = _provider_away(away)
    else:
        response = see_other(signed_in.return_path)
        if signed_in.secret is not None:
            set_console_cookie(request, response, signed_in.session, signed_in.secret)
        remember_provider(request, response, connection)
    delete_own_cookie(request, response, cookie)
    return response


@router.get("/sign-in/{connection}/end")
async def get_provider_sign_out(request: Request, vault: TheVault, connection: ConnectionId) -> Response:
    """Lead to where the provider ends its own session. A link, as to the sign-in."""
    try:
        check_rate(request)
        address = await vault.sign_in.sign_in.end_address(connection)
    except NotFound:
        count_failure(request)
        return _refused(WordedInvalid(gettext(_NO_ADDRESS)), 404)
    except SignInRefused as refused:
        return _refused(refused, 502)
    except TooMany as error:
        return error_page(request, error)
    except Unavailable as error:
        return _provider_away(error)
    if address is not None:
        return see_other(address)
    return message_page(
        gettext("You are signed out here, and not at your provider"),
        gettext("Your provider names no address for that: sign out on its own pages, or close the browser."),
        status=200,
        link="/console/sign-in",
        link_name=gettext("Sign in again"),
    )


async def _current(request: Request, vault: Vault) -> ConsoleSession | None:
    """Return the session of the browser; None if it has none that is open."""
    try:
        return (await vault.accounts.console_sessions.find(console_secret(request), ""))[0]
    except NotAuthentic:
        return None


@router.post("/back-channel/{connection}")
async def post_back_channel(request: Request, vault: TheVault, connection: ConnectionId) -> Response:
    """Take a logout token of the provider (OpenID Connect Back-Channel Logout 1.0): 200, or 400 with the code."""
    try:
        check_rate(request)
        form = parse_qs((await request.body()).decode("latin-1"), max_num_fields=_MAX_FIELDS)
        await vault.sign_in.sign_in.log_out(connection, form.get("logout_token", [""])[0])
    except (SignInRefused, NotFound, ValueError) as refused:
        count_failure(request)
        code = refused.failed if isinstance(refused, SignInRefused) else "request"
        return problem(400, f"The logout token is refused ({code}).")
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


def _answer(request: Request) -> ProviderAnswer:
    """Return the query of the provider's answer. A parameter that is there twice counts as missing."""
    found = {name: request.query_params.getlist(name) for name in ("state", "code", "iss", "error")}
    one = {name: values[0] if len(values) == 1 else None for name, values in found.items()}
    state, code = (one["state"] or "")[:_MAX_VALUE], one["code"]
    # Without an issuer, an answer with two of them would pass at providers that send none.
    issuer = "" if len(found["iss"]) > 1 else one["iss"]
    return ProviderAnswer(state=state, code=code, issuer=issuer, error=one["error"])


def _cookie(state: str) -> str:
    return f"sign-in-{Token(state).digest.hex()[:16]}"


def _refused(error: VaultError, status: int, *, again: str | None = None) -> Response:
    text, is_english = words_of_error(error)
    link = "/console/sign-in" if again is None else f"/console/sign-in/{again}"
    return message_page(
        gettext("You are not signed in"),
        text,
        status=status,
        link=link,
        link_name=gettext("Sign in again"),
        is_english=is_english,
    )


def _provider_away(error: Unavailable) -> Response:
    response = message_page(
        gettext("The sign-in provider does not answer"),
        gettext(
            "Wait a moment and try again. If it stays so, ask your administrator to check the connection."
        ),
        status=503,
        link="/console/sign-in",
        link_name=gettext("Other ways to sign in"),
    )
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def remember_provider(request: Request, response: Response, connection_id: str) -> None:
    """Set the cookie."""
    set_own_cookie(request, response, _LAST, connection_id, seconds=_SECONDS, same_site="lax")


def labelled(request: Request, connection: str | None) -> str | None:
    """Return the id of a connection as its addresses have it; None for None."""
    urls: PublicUrls = request.app.state.hosting
    return None if connection is None else urls.labelled(connection)


def last_provider(request: Request) -> str | None:
    """Return the id of the connection; None if the browser has none."""
    return connection_id(read_cookie(request, own_name(request, _LAST)))


def connection_id(text: str | None) -> str | None:
    """Return a text that has the form of the id of a connection; None for any other."""
    return text if text is not None and _ID.fullmatch(text) else None
