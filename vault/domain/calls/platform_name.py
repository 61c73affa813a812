"""Names that a platform gives to a call or a recording, which are keys of rows."""

from typing import Final

#: Max characters.
MAX_NAME: Final = 200


def is_name(text: str) -> bool:
    """Return whether it may name a new call or recording: 1 to 200 printable characters, not only spaces."""
    return len(text) <= MAX_NAME and text.isprintable() and not text.isspace() and text != ""
