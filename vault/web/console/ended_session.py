"""A form that is sent after its session has ended: nothing is done, and after the sign-in it comes back as typed.

The words stay in the browser. The answer is a page with them, sealed under a key that only a cookie of this browser
has, so that neither the server nor who reads the page has them. After a sign-in in another tab the page sends them to
the same address, which shows its form with them. The hidden field of every form says whose it is: nobody else gets it.
What is secret and files are not kept; the form says which must be given again.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import Request, Response

from vault.domain.ids import Token
from vault.errors import Invalid, Tampered
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal
from vault.web.console.forms import MAX_FORM, NONCE, Form, is_owner, parse_form, read_ends
from vault.web.console.mistakes import Mistake, WordedInvalid
from vault.web.http.cookies import own_name, read_cookie, set_own_cookie
from vault.web.http.html import translated_page
from vault.web.http.translations import gettext

#: The cookie with the key, and how long a form can come back, in seconds.
_COOKIE: Final = "form"
_LIFE: Final = 3600
#: The one field of a form that comes back.
SEALED: Final = "sealed_form"
_SECRET: Final = re.compile(r"(?:\w{1,64}_)?secret(?:\.\w{1,64})?")
_ACCOUNT_PAGE: Final = re.compile(r"/console/accounts/[^/]+/.+")


@dataclass(frozen=True, slots=True, repr=False)
class ReturnedForm:
    """A form as it was typed, and what must be given again."""

    form: Form
    lacking: Mapping[str, str]

    def mistake(self) -> Mistake:
        """Return what the page says above the form: why it is there, and which fields are empty."""
        again = {
            "secret": gettext("Enter this again: a secret is not kept."),
            "file": gettext("Choose the file again."),
        }
        others = tuple(
            Mistake(again[kind], name, 200, is_english=False) for name, kind in self.lacking.items()
        )
        text = gettext("Your session had ended when you sent this. Check it, and send it again.")
        return Mistake(text, None, 200, is_english=False, others=others, is_wrong=False)


def is_form_of_account(request: Request) -> bool:
    """Return whether a request sends a form of an account's page."""
    return request.method == "POST" and _ACCOUNT_PAGE.fullmatch(request.url.path) is not None


async def ended_page(request: Request) -> Response:
    """Return the page for a form whose session has ended. It has the form, sealed, unless it cannot be read."""
    secret = read_cookie(request, own_name(request, _COOKIE)) or Token.new().text
    body = await read_ends(request)
    try:
        sealed = _sealed(request, secret, body)
    except Invalid:
        sealed = ""
    response = _page(request, sealed, status=401)
    if sealed:
        set_own_cookie(request, response, _COOKIE, secret, seconds=_LIFE, same_site="lax")
    return response


def foreign_page(request: Request, sealed: str) -> Response:
    """Return the page for who is signed in and has not typed the form: the form waits for who has."""
    wrong = gettext(
        "Somebody else filled in this form. It comes back to whoever did, after a sign-in as before."
    )
    return _page(request, sealed, status=403, wrong=wrong)


def open_form(request: Request, sealed: str, *, now: datetime, actor: str) -> ReturnedForm | None:
    """Return the form; None if somebody else typed it. Raises Invalid if it is over, or not of this browser."""
    secret = read_cookie(request, own_name(request, _COOKIE)) or ""
    try:
        message = base64.urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
        found = json.loads(open_message(_key(secret), message, context=_context(request)))
        age = now - datetime.fromtimestamp(found["at"], UTC)
    except (ValueError, binascii.Error, Tampered) as error:
        raise _over() from error
    if not -_LIFE <= age.total_seconds() <= _LIFE:
        raise _over()
    form = Form(found["fields"])
    return ReturnedForm(form, found["lacking"]) if is_owner(form.text(NONCE), actor) else None


def _over() -> Invalid:
    return WordedInvalid(
        gettext("The form cannot come back: it is over after an hour, or was sent by another browser."),
        field="form",
    )


def _sealed(request: Request, secret: str, body: bytes) -> str:
    """Return the form, sealed. Raises Invalid."""
    form = parse_form(request.headers.get("content-type", ""), body)
    if form.text(SEALED):
        # It was sent again before the sign-in.
        return form.text(SEALED)
    lacking = {name: "secret" for name in form.fields if _SECRET.fullmatch(name) and form.text(name)}
    lacking |= dict.fromkeys(form.files, "file")
    found = {
        "at": request.app.state.clock().timestamp(),
        "fields": {name: values for name, values in form.fields.items() if not _SECRET.fullmatch(name)},
        "lacking": lacking,
    }
    message = seal(_key(secret), _context(request), json.dumps(found, ensure_ascii=False).encode())
    # Without padding: a browser sends these characters as they are.
    return base64.urlsafe_b64encode(message).decode().rstrip("=")


def _page(request: Request, sealed: str, *, status: int, wrong: str = "") -> Response:
    # A field that is longer than what the vault takes would not come back.
    fits = len(sealed) <= MAX_FORM - len(SEALED) - 1
    return translated_page(
        "console/ended_session.html",
        status=status,
        action=request.url.path,
        field=SEALED,
        sealed=sealed if fits else "",
        wrong=wrong,
    )


def _key(secret: str) -> NamedKey:
    return NamedKey(
        name="console-form", secret=hmac.digest(secret.encode(), b"callvault/console-form", "sha256")
    )


def _context(request: Request) -> Mapping[str, str]:
    return {"purpose": "console-form", "path": request.url.path}
