"""Pages of passkeys that need no session: sign in with one, and make one at the address of an invitation."""

from typing import Annotated, Final

from fastapi import Path, Request, Response

from vault.domain.ids import Token
from vault.domain.sign_in.challenge import LIFE
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import Invalid, TooMany
from vault.services.sign_in.passkeys import Browser, SignedInByPasskey, Welcome
from vault.web.console.access import set_console_cookie
from vault.web.console.forms import Form, read_form, see_other
from vault.web.console.layout import message_page
from vault.web.console.mistakes import WordedInvalid, words_of_error
from vault.web.console.route import console_router, error_page
from vault.web.console.sign_in.limits import check_rate, count_begun, count_failure
from vault.web.console.sign_in.passkey_options import to_make, to_use
from vault.web.console.sign_in.sign_in import return_path, sign_in_page
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.cookies import own_name, read_cookie, set_own_cookie
from vault.web.http.html import translated_page
from vault.web.http.problems import of_error
from vault.web.http.translations import gettext

router = console_router("/console")
InvitationToken = Annotated[str, Path(max_length=128)]
#: The cookie to which the challenge of a sign-in is bound.
_COOKIE: Final = "passkey"
_MAX_NAME: Final = 200


@router.post("/passkey/options")
async def ask_for_sign_in(request: Request, vault: TheVault) -> Response:
    """Return what a browser is asked for at a sign-in. It is the same for everybody: the device knows the person."""
    try:
        check_rate(request)
        count_begun(request)
    except TooMany as error:
        return of_error(error)
    name = own_name(request, _COOKIE)
    bound_to = read_cookie(request, name) or Token.new().text
    challenge = await vault.sign_in.passkeys.challenge("sign_in", bound_to)
    answer = to_use(vault, challenge)
    seconds = int(LIFE.total_seconds())
    set_own_cookie(request, answer, _COOKIE, bound_to, seconds=seconds, same_site="strict")
    return answer


@router.post("/passkey")
async def sign_in_by_passkey(request: Request, vault: TheVault) -> Response:
    """Begin a session with a passkey."""
    form = await read_form(request)
    back = return_path(form.text("next"))
    try:
        check_rate(request)
        signed_in = await vault.sign_in.passkeys.sign_in(
            form.text("answer"),
            bound_to=read_cookie(request, own_name(request, _COOKIE)) or "",
            browser=_browser(request),
        )
    except SignInRefused as refused:
        count_failure(request)
        return sign_in_page(request, vault, back, status=401, passkey_error=words_of_error(refused)[0])
    except TooMany as error:
        return error_page(request, error)
    return _begun(request, signed_in, back)


@router.get("/invitation/{token}")
async def show_invitation(request: Request, vault: TheVault, token: InvitationToken) -> Response:
    """Show what the address of an invitation is for; a link preview uses nothing up."""
    try:
        check_rate(request)
        welcome = await vault.sign_in.passkeys.welcome(token)
    except SignInRefused as refused:
        return _refused(request, refused)
    except TooMany as error:
        return error_page(request, error)
    return await _page(request, vault, welcome, token)


@router.post("/invitation/{token}/options")
async def ask_for_passkey(request: Request, vault: TheVault, token: InvitationToken) -> Response:
    """Return what a browser is asked for to make a passkey."""
    try:
        check_rate(request)
        welcome = await vault.sign_in.passkeys.welcome(token)
    except SignInRefused as refused:
        count_failure(request)
        return of_error(refused)
    except TooMany as error:
        return of_error(error)
    challenge = await vault.sign_in.passkeys.challenge("invitation", token)
    return to_make(
        vault, challenge, handle=welcome.user_handle, name=welcome.name, own=welcome.credential_ids
    )


@router.post("/invitation/{token}")
async def accept_invitation(request: Request, vault: TheVault, token: InvitationToken) -> Response:
    """Store the passkey that the browser made, and begin a session."""
    form = await read_form(request)
    try:
        check_rate(request)
        signed_in = await vault.sign_in.passkeys.accept(
            token, form.text("answer"), name=name_of_passkey(form), browser=_browser(request)
        )
    except (SignInRefused, Invalid) as wrong:
        return await _shown_again(request, vault, token, wrong)
    except TooMany as error:
        return error_page(request, error)
    return _begun(request, signed_in, "/console")


async def _shown_again(
    request: Request, vault: TheVault, token: str, wrong: SignInRefused | Invalid
) -> Response:
    """Show what is wrong on the page of the invitation, if it can still be used."""
    if isinstance(wrong, SignInRefused) and wrong.failed == "invitation":
        return _refused(request, wrong)
    try:
        welcome = await vault.sign_in.passkeys.welcome(token)
    except SignInRefused as ended:
        return _refused(request, ended)
    if isinstance(wrong, SignInRefused):
        count_failure(request)
    status = 401 if isinstance(wrong, SignInRefused) else 422
    return await _page(request, vault, welcome, token, status=status, error=words_of_error(wrong)[0])


def name_of_passkey(form: Form) -> str | None:
    """Return what a person calls a passkey. Raises Invalid."""
    name = form.text("name")
    if len(name) > _MAX_NAME:
        text = gettext("The name of a device has at most %(number)s characters.", number=_MAX_NAME)
        raise WordedInvalid(text, field="name")
    return name or None


async def _page(
    request: Request,
    vault: TheVault,
    welcome: Welcome,
    token: str,
    *,
    status: int = 200,
    error: str | None = None,
) -> Response:
    starts = welcome.invitation.starts_at
    inviter = welcome.invitation.created_by
    # A key is a thing of the account: an address that may have gone astray does not tell its name.
    is_person = inviter.startswith("per_")
    names = await vault.names.of(welcome.account_id, [inviter], with_numbers=False) if is_person else {}
    return translated_page(
        "console/invitation.html",
        status=status,
        welcome=welcome,
        inviter=names[inviter].text if inviter in names else None,
        token=request.app.state.hosting.labelled(token),
        origin=vault.sign_in.passkeys.proofs.site.origin,
        starts_at=starts if starts > request.app.state.clock() else None,
        error=error,
    )


def _refused(request: Request, refused: SignInRefused) -> Response:
    count_failure(request)
    text, is_english = words_of_error(refused)
    return message_page(
        gettext("This address cannot be used"),
        text,
        status=404,
        link="/console/sign-in",
        link_name=gettext("Sign in"),
        is_english=is_english,
    )


def _begun(request: Request, signed_in: SignedInByPasskey, path: str) -> Response:
    response = see_other(path)
    set_console_cookie(request, response, signed_in.session, signed_in.secret)
    return response


def _browser(request: Request) -> Browser:
    return Browser(address=client_address(request), agent=request.headers.get("user-agent", ""))
