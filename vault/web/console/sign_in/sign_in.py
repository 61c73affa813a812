"""Sign in to the console with an API key or with an address that works once; sign out."""

import re
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import APIRouter, Path, Request, Response

from vault.domain.accounts.account import Account
from vault.errors import NotAuthentic, NotFound, TooMany
from vault.services.accounts.console_sessions import SignedIn
from vault.services.service import Vault
from vault.web.console.access import (
    Person,
    SignedInPerson,
    console_secret,
    delete_console_cookie,
    path_of,
    set_console_cookie,
)
from vault.web.console.forms import read_form, see_other
from vault.web.console.layout import landing, message_page
from vault.web.console.mistakes import words_of_error
from vault.web.console.route import console_router, error_page
from vault.web.console.sign_in.choose_account import accounts_page
from vault.web.console.sign_in.limits import check_rate, count_failure
from vault.web.console.sign_in.provider import connection_id, labelled, last_provider
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.html import translated_page
from vault.web.http.problems import PATH_NOT_FOUND
from vault.web.http.translations import gettext, translatable, translated

router = console_router("/console")
#: The address that people type.
front_router = APIRouter(include_in_schema=False)
HOME: Final = "/console"
#: A path of the console, and no way to another host: no ``//``, no backslash.
_PATH = re.compile(r"/console(?:/[A-Za-z0-9._~%:@-]+)*(?:\?[A-Za-z0-9._~%:@/?&=+-]*)?")
_MAX_PATH: Final = 1000
_DONE: Final = translatable(
    {
        "signed_out": "You are signed out.",
        "session_over": "Your session has ended. Sign in to go on where you were.",
    }
)


def return_path(text: str) -> str:
    """Return the path to show after the sign-in: the console's start unless ``text`` is a path of the console."""
    # Browsers read %2e as a dot.
    is_path = len(text) <= _MAX_PATH and ".." not in unquote(text) and _PATH.fullmatch(text)
    return text if is_path else HOME


@front_router.get("/")
async def get_front(request: Request) -> Response:
    """Lead a browser to the console; a program asks for an address of the contract."""
    if "text/html" not in request.headers.get("accept", ""):
        raise NotFound(PATH_NOT_FOUND)
    response = see_other(HOME)
    response.headers["Vary"] = "Accept"
    return response


@router.get("")
async def get_home(request: Request, vault: TheVault, person: Person) -> Response:
    """Lead to the session's account; an operator chooses one."""
    if person.session.account_id is not None:
        account = await vault.accounts.accounts.find(person.session.account_id)
        # The overview counts everything, also what a limit to some agents does not show.
        start = landing(person.session)
        return _without_role(person, account) if start is None else see_other(path_of(account.ref) + start)
    if not person.session.scopes:
        return _without_role(person, None)
    return await accounts_page(request, vault, person)


def _without_role(person: SignedInPerson, account: Account | None) -> Response:
    """Return the page of somebody who is signed in and may see nothing."""
    return translated_page("console/no_role.html", status=403, account=account, actor=person.session.actor)


@router.get("/sign-in")
async def get_sign_in(request: Request, vault: TheVault) -> Response:
    """Show the sign-in page."""
    back = return_path(request.query_params.get("next", ""))
    done = _DONE.get(request.query_params.get("done", ""))
    return sign_in_page(request, vault, back, done=None if done is None else translated(done))


def sign_in_page(
    request: Request,
    vault: Vault,
    back: str,
    *,
    status: int = 200,
    error: str | None = None,
    passkey_error: str | None = None,
    done: str | None = None,
) -> Response:
    """Return the sign-in page; ``error`` and ``passkey_error`` say what is wrong with the key and the passkey."""
    return translated_page(
        "console/sign_in.html",
        status=status,
        back=back,
        error=error,
        passkey_error=passkey_error,
        done=done,
        provider=labelled(request, last_provider(request)),
        still_at=labelled(request, connection_id(request.query_params.get("still_at"))),
        origin=vault.sign_in.passkeys.proofs.site.origin,
    )


@router.get("/signed-in")
async def show_signed_in(person: Person) -> Response:
    """Say that a sign-in is done which began from a form in another tab: that tab goes on."""
    del person  # Who is not signed in is led to the sign-in.
    return translated_page("console/signed_in.html")


@router.post("/sign-in")
async def post_sign_in(request: Request, vault: TheVault) -> Response:
    """Begin a session with the key of the form."""
    form = await read_form(request)
    back = return_path(form.text("next"))
    try:
        check_rate(request)
        signed_in = await vault.accounts.console_sessions.sign_in(
            form.text("key"), address=client_address(request), agent=_agent(request)
        )
    except NotAuthentic:
        count_failure(request)
        wrong = gettext("This key is not valid. It may be mistyped or revoked.")
        return sign_in_page(request, vault, back, status=401, error=wrong)
    except TooMany as error:
        return error_page(request, error)
    return _begun(request, signed_in, back)


@router.get("/once/{token}")
async def get_once(request: Request, token: Annotated[str, Path(max_length=128)]) -> Response:
    """Show the button of an address that signs in once: a link preview must not use it up."""
    return translated_page("console/once.html", token=request.app.state.hosting.labelled(token))


@router.post("/once/{token}")
async def post_once(
    request: Request, vault: TheVault, token: Annotated[str, Path(max_length=128)]
) -> Response:
    """Begin a session with an address that signs in once."""
    try:
        check_rate(request)
        signed_in = await vault.accounts.console_sessions.sign_in_once(
            token, address=client_address(request), agent=_agent(request)
        )
    except NotAuthentic as error:
        count_failure(request)
        text, is_english = words_of_error(error)
        return message_page(
            gettext("This address cannot be used"),
            text,
            status=404,
            link="/console/sign-in",
            link_name=gettext("Sign in"),
            is_english=is_english,
        )
    except TooMany as error:
        return error_page(request, error)
    return _begun(request, signed_in, HOME)


@router.post("/sign-out")
async def post_sign_out(request: Request, vault: TheVault) -> Response:
    """End the session of the cookie; the page says whether one at a provider goes on."""
    provider = None
    try:
        session, _ = await vault.accounts.console_sessions.find(console_secret(request), "")
        await vault.accounts.console_sessions.end(
            session.id, account_id=session.account_id, actor=session.actor, reason="signed_out"
        )
        provider = await vault.sign_in.step_up.provider_of(session)
    except (NotAuthentic, NotFound):
        pass  # It is over already.
    still = "" if provider is None else f"&still_at={provider}"
    response = see_other(f"/console/sign-in?done=signed_out{still}")
    delete_console_cookie(request, response)
    return response


def _begun(request: Request, signed_in: SignedIn, path: str) -> Response:
    response = see_other(path)
    set_console_cookie(request, response, signed_in.session, signed_in.secret)
    return response


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
