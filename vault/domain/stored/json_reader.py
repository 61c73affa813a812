"""Reads and writes the JSON objects that the vault stores, and that an attacker may have changed since.

Each field is read with its required type. An unknown, missing or duplicate field and a value of another type raise
Tampered.

The other modules of this package are pairs. ``encode_x`` returns the bytes of an object and ``decode_x`` reads them;
``encode_x_fields`` returns an object inside another one, and ``decode_x_fields`` reads its ``Fields``.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime
from typing import Any, TypeVar

from vault.domain.strict_json import parse_strict
from vault.errors import Tampered
from vault.rfc3339 import parse_day, parse_rfc3339, write_rfc3339_unchanged

T = TypeVar("T", bound=str)
V = TypeVar("V")
#: Exclusive limit of a database integer.
_MAX_NUMBER = 2**63
#: Maximum length of such an integer, with its sign.
_MAX_DIGITS = 20


class Fields:
    """The fields of one JSON object, each of which can be read once."""

    def __init__(self, value: object, what: str) -> None:
        """Wrap a parsed object; ``what`` is its name in errors. Raises Tampered if it is not an object."""
        self._what = what
        if not isinstance(value, dict):
            raise self._wrong("is not an object")
        self._left: dict[str, Any] = dict(value)
        #: Once it is read: the version of the object.
        self.version = 0

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._wrong(f"has a {name} that is not a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong(f"has half a surrogate pair in {name}") from None
        return value

    def one_of(self, name: str, choices: Iterable[T]) -> T:
        """Return a string that is one of ``choices``."""
        value = self.text(name)
        for choice in choices:
            if value == choice:
                return choice
        raise self._wrong(f"has an unknown {name}")

    def integer(self, name: str, *, least: int = 0) -> int:
        """Return an integer of at least ``least``."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MAX_NUMBER:
            raise self._wrong(f"has a {name} that is not a number in the allowed range")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._wrong(f"has a {name} that is not a boolean")
        return value

    def moment(self, name: str) -> datetime:
        """Return a time with its UTC offset."""
        try:
            return parse_rfc3339(self.text(name))
        except ValueError:
            raise self._wrong(f"has a {name} that is not a time with a UTC offset") from None

    def blob(self, name: str) -> bytes:
        """Return bytes, decoded from base64."""
        try:
            return base64.b64decode(self.text(name), validate=True)
        except (binascii.Error, ValueError):
            raise self._wrong(f"has a {name} that is not base64") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self.values(name)
        # Holds have thousands of terms, and ASCII has no surrogates.
        if all(isinstance(value, str) and value.isascii() for value in values):
            return tuple(values)
        return tuple(fields.text("text") for fields in self._wrapped(name, values))

    def values(self, name: str) -> list[Any]:
        """Return a list of values of any type."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._wrong(f"has a {name} that is not a list")
        return value

    def texts_of(self, name: str, choices: Collection[T]) -> tuple[T, ...]:
        """Return a list of strings, each of which is one of ``choices``."""
        return self.each(name, lambda fields, one: fields.one_of(one, choices))

    def items(self, name: str) -> list["Fields"]:
        """Return a list of objects."""
        return [Fields(value, f"{self._what}, {name},") for value in self.values(name)]

    def inner(self, name: str) -> "Fields":
        """Return a nested object."""
        return Fields(self._take(name), f"{self._what}, {name},")

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
            raise self._wrong(f"has a {name} that is not a number in the allowed range")
        return float(value)

    def day(self, name: str) -> date:
        """Return a date."""
        try:
            return parse_day(self.text(name))
        except ValueError:
            raise self._wrong(f"has a {name} that is not a date") from None

    def each(self, name: str, read: Callable[["Fields", str], V]) -> tuple[V, ...]:
        """Return a list of what ``read`` returns for each value, which it reads as a field."""
        return tuple(read(fields, "text") for fields in self._wrapped(name, self.values(name)))

    def nullable(self, read: Callable[[str], V], name: str) -> V | None:
        """Return what ``read`` returns for the field; None if it is null."""
        return None if self._is_null(name) else read(name)

    def optional(self, read: Callable[[str], V], name: str) -> V | None:
        """Return what ``read`` returns for the field; None if the field is absent or null."""
        return None if name not in self._left or self._is_null(name) else read(name)

    def check_version(self, *versions: int) -> None:
        """Read the version into ``version``. Raises Tampered for another one."""
        self.version = self.integer("v")
        if self.version not in versions:
            raise self._wrong("has a version that this release does not know")

    def names(self) -> tuple[str, ...]:
        """Return the names of all unread fields."""
        return tuple(self._left)

    def rest(self) -> dict[str, Any]:
        """Return all unread fields."""
        left, self._left = self._left, {}
        return left

    def done(self) -> None:
        """Raise Tampered if there are unread fields."""
        if self._left:
            raise self._wrong("has unknown fields")

    def has(self, name: str) -> bool:
        """Return whether there is an unread field with this name."""
        return name in self._left

    def _wrapped(self, name: str, values: Iterable[object]) -> Iterator["Fields"]:
        return (Fields({"text": value}, f"{self._what}, {name},") for value in values)

    def _is_null(self, name: str) -> bool:
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise self._wrong(f"has no {name}")
        return self._left.pop(name)

    def _wrong(self, words: str) -> Tampered:
        return Tampered(f"{self._what} {words}.")


def read_object(data: bytes, what: str, *, versions: Collection[int] = (1,)) -> Fields:
    """Parse a JSON object of one of these versions. Raises Tampered for anything else."""
    try:
        value = parse_strict(data, parse_int=_int, parse_float=_float)
    except ValueError as error:
        raise Tampered(f"{what} is not JSON as the vault writes it.") from error
    fields = Fields(value, what)
    fields.check_version(*versions)
    return fields


def write_object(values: dict[str, Any], *, version: int = 1, sort_keys: bool = True) -> bytes:
    """Encode a JSON object without spaces: bytes in base64, and times with their offsets."""
    return json.dumps(
        {"v": version, **values}, sort_keys=sort_keys, separators=(",", ":"), default=_plain
    ).encode()


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return write_rfc3339_unchanged(value)
    raise TypeError(f"{type(value).__name__} cannot be encoded as JSON.")


def _int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("A number is too long.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("A number is too large.")
    return value
