"""The key that a caller pressed when a document asked for one."""

import re

from vault.errors import Invalid

KEY = re.compile(r"[0-9*#]")


def parse_key(digits: str | None, *, field: str) -> str | None:
    """Return the pressed key; None if none was pressed in time, or the document did not ask for one.

    Raises Invalid, naming the field, for several keys (documents ask for one) and for other characters.
    """
    if not digits:
        return None
    if KEY.fullmatch(digits) is None:
        raise Invalid(f"{field} must be one key: 0 to 9, * or #.", field=field)
    return digits
