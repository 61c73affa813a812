"""The name of a recording, and the key of its row in the table.

A row is unique by account, connection and key. The key is the name, unless another call of the connection had that name
first: then the call follows the name. No name has a control character.
"""

from typing import Final

_SEPARATOR: Final = "\x1f"


def key_in_call(name: str, call_ref: str) -> str:
    """Return the key of a recording whose name another call had first."""
    return f"{name}{_SEPARATOR}{call_ref}"


def keys_of(name: str, call_ref: str) -> tuple[str, str]:
    """Return both keys that a recording of this name and call may have."""
    return name, key_in_call(name, call_ref)


def name_of(key: str) -> str:
    """Return the name in a key."""
    return key.partition(_SEPARATOR)[0]
