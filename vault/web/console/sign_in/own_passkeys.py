"""The passkeys of the person who is signed in: confirm that it is you, add one, remove one."""

from typing import Annotated, Final

from fastapi import Path, Request, Response

from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.step_up import is_fresh
from vault.errors import Invalid, NotFound, Refused, VaultError
from vault.services.service import Vault
from vault.services.sign_in.own_passkeys import require_fresh
from vault.web.console.access import Person, SignedInPerson
from vault.web.console.forms import read_form, see_other
from vault.web.console.layout import message_page
from vault.web.console.mistakes import words_of_error
from vault.web.console.route import console_router
from vault.web.console.sign_in.passkey_options import to_make, to_use
from vault.web.console.sign_in.passkeys import name_of_passkey
from vault.web.console.sign_in.provider import labelled
from vault.web.http.auth import TheVault
from vault.web.http.html import translated_page
from vault.web.http.problems import of_error, status_of
from vault.web.http.translations import gettext, translatable, translated

router = console_router("/console")
PasskeyId = Annotated[str, Path(max_length=64)]
_DONE: Final = translatable(
    {
        "added": "The passkey is added.",
        "removed": "The passkey is removed: it signs nobody in.",
        "verified": "Confirmed. For 15 minutes you are not asked again.",
    }
)


@router.get("/passkeys")
async def show_own_passkeys(request: Request, vault: TheVault, person: Person) -> Response:
    """List the passkeys of whoever is signed in by one."""
    try:
        return await _page(request, vault, person)
    except NotFound:
        text = gettext("You sign in by other means: there are no passkeys of yours here.")
        return message_page(gettext("Your passkeys"), text, status=404)


@router.post("/passkeys/verification/options")
async def ask_for_verification(vault: TheVault, person: Person) -> Response:
    """Return what a browser is asked for, so that the person proves a passkey again."""
    try:
        own = await vault.sign_in.own_passkeys.list(*_who(person))
    except NotFound as error:
        return of_error(error)
    challenge = await vault.sign_in.passkeys.challenge("verify", person.session.id)
    return to_use(vault, challenge, own=(one.row.credential_id for one in own))


@router.post("/passkeys/verification")
async def verify_person(request: Request, vault: TheVault, person: Person) -> Response:
    """Note that the person has just proved a passkey."""
    form = await read_form(request)
    try:
        await vault.sign_in.own_passkeys.verify(person.session, form.text("answer"))
    except (SignInRefused, NotFound) as error:
        return await _page(request, vault, person, wrong=error)
    return see_other("/console/passkeys?done=verified")


@router.get("/verification")
async def show_verification(request: Request, vault: TheVault, person: Person) -> Response:
    """Ask whoever is signed in to confirm it, by a passkey or at the provider, for an act in another tab."""
    try:
        return await _verification(request, vault, person)
    except NotFound:
        text = gettext("You signed in with an API key, which confirms nothing.")
        return message_page(gettext("Confirm that it is you"), text, status=404)


@router.post("/verification")
async def confirm_person(request: Request, vault: TheVault, person: Person) -> Response:
    """Note that the person has just proved a passkey, for an act in another tab."""
    form = await read_form(request)
    try:
        await vault.sign_in.own_passkeys.verify(person.session, form.text("answer"))
    except SignInRefused as error:
        return await _verification(request, vault, person, wrong=error)
    return see_other("/console/verification")


@router.post("/passkeys/options")
async def ask_for_another_passkey(vault: TheVault, person: Person) -> Response:
    """Return what a browser is asked for to make another passkey."""
    try:
        own = await vault.sign_in.own_passkeys.list(*_who(person))
        handle = await vault.sign_in.own_passkeys.user_handle(*_who(person))
    except NotFound as error:
        return of_error(error)
    challenge = await vault.sign_in.passkeys.challenge("add", person.session.id)
    name = await vault.accounts.console_sessions.name_of(person.session)
    return to_make(vault, challenge, handle=handle, name=name, own=(one.row.credential_id for one in own))


@router.post("/passkeys")
async def add_passkey(request: Request, vault: TheVault, person: Person) -> Response:
    """Store another passkey."""
    form = await read_form(request)
    try:
        name = name_of_passkey(form)
        await vault.sign_in.own_passkeys.add(person.session, form.text("answer"), name=name)
    except (SignInRefused, Refused, NotFound, Invalid) as error:
        return await _page(request, vault, person, wrong=error)
    return see_other("/console/passkeys?done=added")


@router.post("/passkeys/{passkey}/removal")
async def remove_passkey(request: Request, vault: TheVault, person: Person, passkey: PasskeyId) -> Response:
    """Remove a passkey."""
    try:
        require_fresh(person.session, request.app.state.clock())
        await vault.sign_in.own_passkeys.remove(*_who(person), passkey, actor=person.session.actor)
    except Refused as error:
        return await _page(request, vault, person, wrong=error)
    return see_other("/console/passkeys?done=removed")


async def _page(
    request: Request, vault: Vault, person: SignedInPerson, *, wrong: VaultError | None = None
) -> Response:
    own = await vault.sign_in.own_passkeys.list(*_who(person))
    return translated_page(
        "console/passkeys.html",
        status=_status(wrong),
        passkeys=own,
        is_fresh=is_fresh(person.session, request.app.state.clock()),
        origin=vault.sign_in.passkeys.proofs.site.origin,
        wrong=None if wrong is None else words_of_error(wrong)[0],
        done=translated(_DONE[done]) if (done := request.query_params.get("done", "")) in _DONE else None,
    )


async def _verification(
    request: Request, vault: Vault, person: SignedInPerson, *, wrong: SignInRefused | None = None
) -> Response:
    return translated_page(
        "console/verification.html",
        status=200 if wrong is None else 401,
        provider=labelled(request, await vault.sign_in.step_up.provider_of(person.session)),
        is_fresh=is_fresh(person.session, request.app.state.clock()),
        was_asked=request.query_params.get("asked") == "1",
        origin=vault.sign_in.passkeys.proofs.site.origin,
        wrong=None if wrong is None else words_of_error(wrong)[0],
    )


def _status(wrong: VaultError | None) -> int:
    """Return the status of the page: what a passkey does not prove is 401."""
    if wrong is None:
        return 200
    return 401 if isinstance(wrong, SignInRefused | NotFound) else status_of(wrong)


def _who(person: SignedInPerson) -> tuple[str, str]:
    return person.session.account_id or "", person.session.person_id or ""
