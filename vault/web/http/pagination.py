"""Opaque cursors for lists sorted by time, newest first, and for changes in their order."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from vault.database.stores.calls.call_changes import BEGINNING, ChangePlace
from vault.errors import Invalid
from vault.rfc3339 import parse_rfc3339, write_rfc3339_unchanged

T = TypeVar("T")
_DIGITS: Final = 9
#: What stands for the place before every change.
_BEGINNING: Final = "0"
#: Digits of a number of a change, which has 64 bits.
_LONGEST_NUMBER: Final = 18


def write_cursor(at: datetime, item_id: str) -> str:
    """Return the cursor that points after an item."""
    return base64.urlsafe_b64encode(f"{write_rfc3339_unchanged(at)} {item_id}".encode()).decode()


def next_cursor(page: Sequence[T], limit: int, key: Callable[[T], tuple[datetime, str]]) -> str | None:
    """Return the cursor of the page after this one, by time and id of its last item; None if this one is not full."""
    return write_cursor(*key(page[-1])) if len(page) == limit else None


def write_change_place(place: ChangePlace) -> str:
    """Return a place among changes as a client keeps it."""
    if place == BEGINNING:
        return _BEGINNING
    return base64.urlsafe_b64encode(f"{place.number} {place.call_ref}".encode()).decode()


def read_change_place(written: str) -> ChangePlace:
    """Return a place among changes. Raises Invalid for one that no answer had."""
    if written == _BEGINNING:
        return BEGINNING
    try:
        number, _, call_ref = base64.urlsafe_b64decode(written.encode("ascii")).decode().partition(" ")
        if number.isdecimal() and len(number) <= _LONGEST_NUMBER and call_ref:
            return ChangePlace(number=int(number), call_ref=call_ref)
    except (ValueError, binascii.Error):
        pass
    text = "changed_since must be 0, or the changed_until of an earlier answer."
    raise Invalid(text, field="changed_since")


def read_number(cursor: str | None) -> int:
    """Return how many items of a list that only grows come before the cursor. Raises Invalid for a malformed cursor."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > _DIGITS:
        raise Invalid("cursor must be the next_cursor of an earlier page.", field="cursor")
    return int(cursor)


def read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time and id of the item before the cursor. Raises Invalid for a malformed cursor."""
    if cursor is None:
        return None
    try:
        at, item_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split(" ")
        return parse_rfc3339(at), item_id
    except (ValueError, binascii.Error) as error:
        raise Invalid("cursor must be the next_cursor of an earlier page.", field="cursor") from error
