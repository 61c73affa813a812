"""Slashes in names of a path: a client writes them ``%2F``, and a server's path does not tell them from others.

A platform's id of a call may have one. So the path that routes see has a mark in the place of each ``%2F``, and what a
route gets as a parameter has the slash again (``vault/web/http/route_index.py``).
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from starlette.types import Scope

#: No name and no path of ours has it.
MARK: Final = "\x1f"
_PREFIX: Final = b"/v1"
_ESCAPED: Final = re.compile(rb"%2f", re.IGNORECASE)


def mark_slashes(scope: Scope) -> None:
    """Mark the escaped slashes in the path of a request of the REST interface."""
    raw: bytes = scope.get("raw_path") or b""
    if raw.startswith(_PREFIX) and _ESCAPED.search(raw) is not None:
        scope["path"] = unquote(_ESCAPED.sub(MARK.encode(), raw).decode("latin-1"))


def with_slashes(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a path with their slashes."""
    return {name: value.replace(MARK, "/") for name, value in parameters.items()}
