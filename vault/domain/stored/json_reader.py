"""Reading JSON that the vault itself once wrote to the object store, and that somebody may have changed since.

Each object is read field by field with the type that it must have; a field too many, a field too few, a
field twice and a value of another kind are all Tampered. Nothing is guessed and nothing is skipped.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from vault.errors import Tampered

T = TypeVar("T", bound=str)
#: Numbers of the database.
_MAX_NUMBER = 2**63
#: Digits of the longest number that is one of those.
_DIGITS = 20


class Fields:
    """The fields of one JSON object, each to be asked for once."""

    def __init__(self, value: object, what: str) -> None:
        """Take a parsed object; ``what`` names it in errors. Raises Tampered if it is none."""
        self._what = what
        if not isinstance(value, dict):
            raise self._wrong("is no object")
        self._left: dict[str, Any] = dict(value)

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._wrong(f"has no text as {name}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong(f"has half a character in {name}") from None
        return value

    def one_of(self, name: str, choices: Iterable[T]) -> T:
        """Return a string that is one of ``choices``."""
        value = self.text(name)
        for choice in choices:
            if value == choice:
                return choice
        raise self._wrong(f"has an unknown {name}")

    def maybe_text(self, name: str) -> str | None:
        """Return a string or None."""
        return None if self._is_null(name) else self.text(name)

    def integer(self, name: str, *, least: int = 0) -> int:
        """Return a whole number from ``least`` up."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MAX_NUMBER:
            raise self._wrong(f"has no number as {name}")
        return value

    def maybe_integer(self, name: str) -> int | None:
        """Return a whole number or None."""
        return None if self._is_null(name) else self.integer(name)

    def maybe_number(self, name: str) -> float | None:
        """Return a finite number or None."""
        if self._is_null(name):
            return None
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
            raise self._wrong(f"has no number as {name}")
        return float(value)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._wrong(f"says neither true nor false as {name}")
        return value

    def moment(self, name: str) -> datetime:
        """Return a moment with its offset from UTC."""
        try:
            value = datetime.fromisoformat(self.text(name))
            offset = value.utcoffset()
            # A moment of the year 1 or 9999 may lie outside the calendar in UTC.
            if offset is not None and value - offset is not None:
                return value
        except (ValueError, OverflowError):
            pass
        raise self._wrong(f"has no moment as {name}")

    def maybe_moment(self, name: str) -> datetime | None:
        """Return a moment or None."""
        return None if self._is_null(name) else self.moment(name)

    def blob(self, name: str) -> bytes:
        """Return bytes that stand in base64."""
        try:
            return base64.b64decode(self.text(name), validate=True)
        except (binascii.Error, ValueError):
            raise self._wrong(f"has no base64 as {name}") from None

    def maybe_blob(self, name: str) -> bytes | None:
        """Return bytes or None."""
        return None if self._is_null(name) else self.blob(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return strings."""
        inner = [Fields({"text": value}, f"{self._what}, {name},") for value in self.values(name)]
        return tuple(one.text("text") for one in inner)

    def values(self, name: str) -> list[Any]:
        """Return a list of whatever."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._wrong(f"has no list as {name}")
        return value

    def items(self, name: str) -> list["Fields"]:
        """Return a list of objects."""
        return [Fields(value, f"{self._what}, {name},") for value in self.values(name)]

    def inner(self, name: str) -> "Fields":
        """Return an object in the object."""
        return Fields(self._take(name), f"{self._what}, {name},")

    def maybe_inner(self, name: str) -> "Fields | None":
        """Return an object in the object, or None."""
        return None if self._is_null(name) else self.inner(name)

    def rest(self) -> dict[str, Any]:
        """Return what was not asked for."""
        left, self._left = self._left, {}
        return left

    def done(self) -> None:
        """Raise Tampered if there is more than was asked for."""
        if self._left:
            raise self._wrong("has fields that are not known")

    def has(self, name: str) -> bool:
        """Return whether there is such a field that was not asked for yet."""
        return name in self._left

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


def read_object(data: bytes, what: str, *, version: int = 1) -> Fields:
    """Return the fields of a JSON object of this version. Raises Tampered for anything else."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_int=_int,
            parse_float=_float,
        )
    except (ValueError, RecursionError) as error:
        raise Tampered(f"{what} is not the JSON that the vault writes.") from error
    fields = Fields(value, what)
    if fields.integer("v") != version:
        raise Tampered(f"{what} has a version that this release does not know.")
    return fields


def write_object(said: dict[str, Any], *, version: int = 1) -> bytes:
    """Write a JSON object: keys sorted, no blanks, bytes in base64 and moments in ISO 8601."""
    return json.dumps({"v": version, **said}, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form here.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError("A field stands there twice.")
    return said


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number.")


def _int(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("No number here is so long.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("No number here is so large.")
    return value
