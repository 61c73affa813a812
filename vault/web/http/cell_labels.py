"""The label of the cell in a request's path, which is taken off before a route sees the path (``domain.public_urls``).

A path that names an account has none: the caller's key, token or cookie carries it there, and a caller chooses what
such a path contains. Another cell's label stays where it is: no id has it, so the answer is that for an unknown id.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from vault.domain.public_urls import OF_AN_ACCOUNT, PublicUrls

#: Key in the ASGI scope for the path as it was sent.
_SENT: Final = "vault.sent_path"


def take_label_off(scope: Scope, urls: PublicUrls | None) -> None:
    """Take this cell's label off each segment of the path."""
    path: str = scope["path"]
    if urls is None or urls.cell is None or path.startswith(OF_AN_ACCOUNT) or urls.labelled("") not in path:
        return
    scope[_SENT] = path
    scope["path"] = "/".join(map(urls.without_label, path.split("/")))


def sent_path(request: Request) -> str:
    """Return the path as it was sent: a platform signs the URL that it called."""
    path: str = request.scope.get(_SENT, request.url.path)
    return path
