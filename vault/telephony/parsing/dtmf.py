"""The key that a caller pressed when a document asked for one."""

import re

from vault.errors import Invalid

KEY = re.compile(r"[0-9*#]")


def pressed(digits: str | None, *, field: str) -> str | None:
    """Return the one key; None where none was pressed in time, or none was asked for.

    Raises Invalid, naming the field, for several keys and for what no keypad has: documents ask for one.
    """
    if not digits:
        return None
    if KEY.fullmatch(digits) is None:
        raise Invalid(f"{field} is one key: 0 to 9, * or #.", field=field)
    return digits
