"""Opaque cursors for lists sorted by time, newest first."""

import base64
import binascii
from datetime import datetime

from vault.errors import Invalid
from vault.rfc3339 import parse_rfc3339, write_rfc3339_unchanged


def write_cursor(at: datetime, item_id: str) -> str:
    """Return the cursor that points after an item."""
    return base64.urlsafe_b64encode(f"{write_rfc3339_unchanged(at)} {item_id}".encode()).decode()


def read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time and id of the item before the cursor. Raises Invalid for a malformed cursor."""
    if cursor is None:
        return None
    try:
        at, item_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split(" ")
        return parse_rfc3339(at), item_id
    except (ValueError, binascii.Error) as error:
        raise Invalid("cursor must be the next_cursor of an earlier page.", field="cursor") from error
