"""Cursors of lists that are sorted by a moment, newest first: opaque to callers."""

import base64
import binascii
from datetime import datetime

from vault.errors import Invalid


def write_cursor(at: datetime, item_id: str) -> str:
    """Return the cursor behind an item."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {item_id}".encode()).decode()


def read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the item that a cursor stands behind. Raises Invalid for what no list gave out."""
    if cursor is None:
        return None
    try:
        at, item_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split(" ")
        moment = datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as error:
        raise Invalid("This cursor is not one that a list gave out.", field="cursor") from error
    if moment.tzinfo is None:
        raise Invalid("This cursor is not one that a list gave out.", field="cursor")
    return moment, item_id
