"""Which page of the documentation is about which pages of the console."""

from collections.abc import Mapping
from typing import Final

#: By the beginning of the path below the account's, whole segments; the longest one counts. The pages of docs/.
PAGES: Final[Mapping[str, str]] = {
    "": "console",
    "/usage": "limits",
    "/recordings": "find-recordings",
    "/missing": "find-recordings",
    "/card-data": "redact-a-recording",
    "/quarantine": "consent",
    "/consent": "consent",
    "/consent/notices": "notices",
    "/consent/rules": "consent-rules",
    "/people": "share-a-recording",
    "/retention": "retention",
    "/holds": "holds",
    "/requests": "requests",
    "/request-callback": "requests",
    "/closure": "close-an-account",
    "/registers": "registers",
    "/approvals": "approvals",
    "/connections": "connect-a-platform",
    "/events": "events",
    "/integrations": "hand-over",
    "/handovers": "hand-over",
    "/access": "sign-in",
    "/access/keys": "api-keys",
    "/access/members": "passkeys",
    "/access/invitation": "passkeys",
    "/log": "access-log",
}


def help_page(path: str) -> str:
    """Return the page of the documentation about a page of the console, by its path below the account's."""
    parts = path.split("/")
    beginnings = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(PAGES[one] for one in beginnings if one in PAGES)


def help_address(docs_url: str | None, path: str) -> str | None:
    """Return the address of that page; None where no documentation is served."""
    return None if docs_url is None else f"{docs_url}/{help_page(path)}.html"
