"""Opaque cursors for lists sorted by time, newest first."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from vault.errors import Invalid
from vault.rfc3339 import parse_rfc3339, write_rfc3339_unchanged

T = TypeVar("T")
_DIGITS: Final = 9


def write_cursor(at: datetime, item_id: str) -> str:
    """Return the cursor that points after an item."""
    return base64.urlsafe_b64encode(f"{write_rfc3339_unchanged(at)} {item_id}".encode()).decode()


def next_cursor(page: Sequence[T], limit: int, key: Callable[[T], tuple[datetime, str]]) -> str | None:
    """Return the cursor of the page after this one, by time and id of its last item; None if this one is not full."""
    return write_cursor(*key(page[-1])) if len(page) == limit else None


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
