"""Forms of the console: parse a body, check it as REST checks JSON, and run a form once.

Rows of a form are fields whose names have a group and a number, such as ``classes.0.purpose``, as REST names them. A
form with a file is multipart/form-data (RFC 7578): the time to parse it is linear in the body, its fields are bounded.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from vault.errors import Invalid
from vault.web.console.access import Console
from vault.web.console.mistakes import ManyInvalid, WordedInvalid
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
#: The characters of a boundary (RFC 2046, section 5.1.1) that browsers use.
_MULTIPART = re.compile(r'multipart/form-data; ?boundary="?([A-Za-z0-9\'()+_,./:=?-]{1,70})"?', re.ASCII)
_PART_NAME = re.compile(rb'; name="([A-Za-z0-9_.-]{1,64})"')
_MAX_PARTS: Final = 32
_MAX_PART_HEAD: Final = 2048


class Form:
    """The fields of a form, all text. A field that was not sent is empty."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        """Take the parsed fields."""
        self._fields = fields

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
    """Parse the body of a form. Raises Invalid if it is not one or has too many fields."""
    body = await request.body()  # RequestLimits bounds it.
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
) -> Model:
    """Return the body that REST takes, from the fields of a form. Raises Invalid that names each wrong field.

    ``called``: the names of fields of the body that have another name in the form. ``within``: the one field of the
    form that the whole body is made of.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = dict[str, Invalid]()
        for one in error.errors()[:_MAX_ERRORS]:
            head, *rest = (str(part) for part in one["loc"])
            field = within or ".".join([(called or {}).get(head, head), *rest])
            wrong.setdefault(field, Invalid(as_sentence(field_message(one)), field=field))
        raise ManyInvalid(list(wrong.values())) from error


def require_name(form: Form, name: str) -> None:
    """Raise Invalid unless the name was typed that a destructive act asks for."""
    if form.text("name") != name:
        raise WordedInvalid(gettext("Type %(name)s to confirm.", name=name), field="name")


def new_nonce() -> str:
    """Return the value of the hidden field of a form that runs once."""
    return secrets.token_urlsafe(16)


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


def read_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the fields by name; the first of a name counts. Raises Invalid for anything that is no such form."""
    found = _MULTIPART.fullmatch(content_type)
    if found is None:
        raise WordedInvalid(gettext("The form cannot be read: it must be multipart/form-data."), field="form")
    delimiter = b"\r\n--" + found[1].encode("ascii")
    # The first delimiter has no line break before it.
    parts = (b"\r\n" + body).split(delimiter, _MAX_PARTS + 1)
    if len(parts) > _MAX_PARTS + 1 or len(parts) < 2 or parts[0] or not parts[-1].startswith(b"--"):  # noqa: PLR2004
        raise WordedInvalid(
            gettext("The form cannot be read: it is not complete, or has too many fields."), field="form"
        )
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, separator, value = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head) if separator and len(head) <= _MAX_PART_HEAD else None
        if name is None:
            raise WordedInvalid(gettext("The form cannot be read: a field has no name."), field="form")
        fields.setdefault(name[1].decode("ascii"), value)
    return fields
