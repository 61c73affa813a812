"""Forms of the console: parse a body, check it as REST checks JSON, and run a form once.

Rows of a form are fields whose names have a group and a number, such as ``classes.0.purpose``, as REST names them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from vault.errors import Invalid
from vault.web.console.access import Console
from vault.web.console.mistakes import ManyInvalid, WordedInvalid, WordedTooLarge
from vault.web.console.multipart import read_multipart
from vault.web.console.words import whole_number
from vault.web.http.auth import vault_of
from vault.web.http.field_messages import as_sentence, field_message
from vault.web.http.translations import gettext
from vault.web.schemas.base import line_feeds

_MAX_FIELDS: Final = 1000
#: Wrong fields that a page tells at once.
_MAX_ERRORS: Final = 50
#: The hidden field of a form that runs once.
NONCE: Final = "nonce"
Model = TypeVar("Model", bound=BaseModel)
#: The field of a form with a file.
FILE: Final = "file"
#: Of the hidden field of a form, how much says whose form it is.
_OWNER_LENGTH: Final = 22
#: The longest body of a form without a file, and that of one that comes back after a sign-in, sealed.
MAX_TYPED: Final = 64 * 1024
MAX_FORM: Final = 2 * MAX_TYPED


class Form:
    """The fields of a form, all text, and its files. A field that was not sent is empty."""

    def __init__(self, fields: Mapping[str, list[str]], files: Mapping[str, bytes] | None = None) -> None:
        """Take the parsed fields."""
        self._fields = fields
        self.files = files or {}

    @property
    def fields(self) -> Mapping[str, list[str]]:
        """Return all values of each field."""
        return self._fields

    def text(self, name: str) -> str:
        """Return a field without spaces at both ends."""
        return self._fields.get(name, [""])[0].strip()

    def words(self, name: str) -> str:
        """Return a field of several lines, which end with a line feed alone."""
        return line_feeds(self.text(name))

    def many(self, name: str) -> list[str]:
        """Return all values of a field, such as the ticked boxes of a table."""
        return self._fields.get(name, [])

    def lines(self, name: str) -> list[str]:
        """Return the entries of a field with one in each line; empty lines are none."""
        return entries(self.text(name))

    def all_words(self) -> dict[str, str]:
        """Return each field's first value with line feeds alone, for a body that may have several lines."""
        return {name: self.words(name) for name in self._fields}

    def values(self) -> dict[str, str]:
        """Return each field's first value, to show a form again as it was filled in."""
        return {name: self.text(name) for name in self._fields}


def country_code(text: str) -> str:
    """Return a country as REST takes it, in capitals. What is no ASCII stays, and is refused: ``ß`` would become SS."""
    return text.upper() if text.isascii() else text


def entries(text: str) -> list[str]:
    """Return the entries of a text with one in each line; empty lines are none."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a body that are other than before, so that a PATCH leaves the others as they are."""
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


async def read_form(request: Request) -> Form:
    """Parse the body of a form. Raises Invalid if it is not one or has too many fields, TooLarge."""
    body = await request.body()  # RequestLimits bounds it.
    if len(body) > MAX_TYPED:
        raise WordedTooLarge(
            gettext("The form is too long: it has at most %(number)s bytes.", number=MAX_TYPED)
        )
    return parse_form("", body)


async def read_ends(request: Request) -> bytes:
    """Return a body, of a long one both ends: what lies between them is of the file.

    All of it is read: a browser shows an answer only when it has sent everything.
    """
    head, tail = bytearray(), bytearray()
    async for block in request.stream():
        room = MAX_TYPED - len(head)
        head += block[:room]
        tail += block[room:]
        del tail[:-MAX_TYPED]
    return bytes(head + tail)


def parse_form(content_type: str, body: bytes) -> Form:
    """Return the form of a body, with the file of a multipart/form-data. Raises Invalid."""
    if content_type.startswith("multipart/form-data"):
        fields = read_multipart(content_type, body)
        file = fields.pop(FILE, b"")
        typed = {name: [value.decode(errors="replace")] for name, value in fields.items()}
        return Form(typed, {FILE: file} if file else {})
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except (ValueError, UnicodeDecodeError) as error:
        raise WordedInvalid(gettext("The form cannot be read."), field="form") from error


def checked(
    model: type[Model],
    values: Mapping[str, Any],
    *,
    called: Mapping[str, str] | None = None,
    within: str | None = None,
    ticks: Collection[str] = (),
) -> Model:
    """Return the body that REST takes, from the fields of a form. Raises Invalid that names each wrong field.

    ``called``: the names of fields of the body that have another name in the form. ``within``: the one field of the
    form that the whole body is made of. ``ticks``: lists that are boxes to tick.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = dict[str, Invalid]()
        for one in error.errors()[:_MAX_ERRORS]:
            head, *rest = (str(part) for part in one["loc"])
            field = within or ".".join([(called or {}).get(head, head), *rest])
            if one["type"] == "too_short" and field in ticks:
                wrong.setdefault(field, WordedInvalid(gettext("Tick at least one."), field=field))
            wrong.setdefault(field, Invalid(as_sentence(field_message(one)), field=field))
        raise ManyInvalid(list(wrong.values())) from error


def require_name(form: Form, name: str) -> None:
    """Raise Invalid unless the name was typed that a destructive act asks for."""
    if form.text("name") != name:
        raise WordedInvalid(gettext("Type %(name)s to confirm.", name=name), field="name")


def new_nonce(actor: str) -> str:
    """Return the value of the hidden field of a form that runs once, and that is the form of ``actor``."""
    token = secrets.token_urlsafe(16)
    return f"{token}.{_owner(token, actor)}"


def is_owner(nonce: str, actor: str) -> bool:
    """Return whether a form was made for ``actor``. A template may add to the hidden field."""
    token, _, rest = nonce.partition(".")
    return hmac.compare_digest(rest[:_OWNER_LENGTH].encode(), _owner(token, actor).encode())


def _owner(token: str, actor: str) -> str:
    digest = hashlib.sha256(f"console-form\0{token}\0{actor}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_OWNER_LENGTH]


def see_other(path: str) -> Response:
    """Return 303 to a path of ours."""
    return Response(status_code=303, headers={"Location": path})


async def run_once(
    request: Request,
    allowed: Console,
    form: Form,
    act: Callable[[], Awaitable[str]],
    *,
    content: bytes | None = None,
) -> Response:
    """Run a form's act, which returns the path to show next; a double submit gets the same path and runs nothing.

    ``content`` stands for the body where a repeated one differs: the boundary of a form with a file is random.
    Raises Busy while the first submit runs, Invalid without the hidden field.
    """

    async def answer() -> tuple[int, bytes]:
        return 303, (await act()).encode()

    return see_other((await _answered_once(request, allowed, form, answer, content=content)).decode())


async def made_once(
    request: Request, allowed: Console, form: Form, make: Callable[[], Awaitable[str]]
) -> str:
    """Run a form's act, which returns a secret to be shown; a double submit gets the same one and makes nothing.

    Raises Busy while the first submit runs, Invalid without the hidden field.
    """

    async def answer() -> tuple[int, bytes]:
        return 200, (await make()).encode()

    return (await _answered_once(request, allowed, form, answer)).decode()


async def _answered_once(
    request: Request,
    allowed: Console,
    form: Form,
    answer: Callable[[], Awaitable[tuple[int, bytes]]],
    *,
    content: bytes | None = None,
) -> bytes:
    body = await request.body() if content is None else content
    _, found = await vault_of(request).accounts.idempotency.run(
        key_id=allowed.session.id,
        bearer=allowed.person.secret,
        idempotency_key=form.text(NONCE),
        request=b"POST " + request.url.path.encode() + b"\n" + body,
        answer=answer,
    )
    return found


def rows_of(
    values: Mapping[str, str], group: str, filled: Collection[str] | None = None, *, most: int
) -> list[int]:
    """Return the numbers of a group's rows in their order, at most one more than ``most``: that one is refused.

    ``filled``: only rows in which one of these fields is filled in; a form offers more rows than there are.
    """
    numbers = set()
    for name, text in values.items():
        head, _, rest = name.partition(".")
        number, _, field = rest.partition(".")
        if head == group and (filled is None or (text and field in filled)):
            numbers.add(whole_number(number, digits=3))
    return sorted(number for number in numbers if number is not None)[: most + 1]


def renumbered(values: Mapping[str, str], groups: Mapping[str, list[int]]) -> dict[str, str]:
    """Return the fields with the rows of these groups numbered from 0, as in the body, so that a wrong one is found.

    ``groups`` has the numbers of the rows that are kept; the others are left out.
    """
    new = {
        f"{group}.{old}": f"{group}.{place}"
        for group, kept in groups.items()
        for place, old in enumerate(kept)
    }
    found = {}
    for name, text in values.items():
        group, _, rest = name.partition(".")
        number, _, field = rest.partition(".")
        if group not in groups:
            found[name] = text
        elif (row := new.get(f"{group}.{number}")) is not None:
            found[f"{row}.{field}"] = text
    return found
