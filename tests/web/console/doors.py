"""Every page and form of the console below an account: the scope it needs, and a form that it takes."""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "/console/accounts/{account}"
#: Fields of a form; None for a page. ``{account}`` in a value is the account's name.
DOORS: Final[Mapping[tuple[str, str], tuple[str, dict[str, str] | None]]] = {
    ("GET", ""): ("recordings:read", None),
    ("POST", "/recording-switch"): ("settings:write", {"enabled": "on", "name": "{account}"}),
}
#: What stands in a path in the place of an id of which there is none.
NOBODY: Final[Mapping[str, str]] = {}
#: Pages of no account.
OTHERS: Final = {
    ("GET", "/console"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/once/{token}"),
    ("POST", "/console/once/{token}"),
    ("POST", "/console/sign-out"),
}
