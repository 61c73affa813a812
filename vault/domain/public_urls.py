"""The URLs of this vault that others get. One whose path names no account carries the label of the cell.

    https://vault.example.com/p/eu1~v1.<token>

A cell is a vault that is one of several. A proxy in front of them knows by the label alone which one answers. The vault
takes its own label off when a request arrives (``web.http.cell_labels``), so an address from the time before it had one
stays valid.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

#: No id, token, key or cookie has it, and neither a URL nor a header nor a cookie escapes it (RFC 3986, 2.3).
SEPARATOR: Final = "~"
#: A label, such as ``eu1``.
CELL: Final = re.compile(r"[a-z][a-z0-9]{1,11}")
#: Paths that name an account begin so. A caller chooses what they contain, so they carry no label: the caller's key,
#: token or cookie does.
OF_AN_ACCOUNT: Final = ("/v1/accounts/", "/scim/v2/", "/console/accounts/")
#: What is the same in every cell of a release.
ALIKE: Final = ("/static/", "/errors", "/openapi.json", "/reference")
#: What each cell answers for itself, at its own address.
OF_EACH_CELL: Final = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrls:
    """How others address this vault."""

    #: Base of links and webhook URLs; never taken from a Host header.
    public_url: str
    #: None for a vault that is the only one.
    cell: str | None = None

    def labelled(self, text: str) -> str:
        """Return an id, token, key or cookie with the label of the cell before it."""
        return text if self.cell is None else f"{self.cell}{SEPARATOR}{text}"

    def without_label(self, text: str) -> str:
        """Return it without the label of this cell. Another text, also with another cell's label, stays as it is."""
        return text if self.cell is None else text.removeprefix(f"{self.cell}{SEPARATOR}")

    def link(self, token: str) -> str:
        """Return the URL of a link."""
        return f"{self.public_url}/p/{self.labelled(token)}"

    def doorway(self, door: str) -> str:
        """Return the URL of a doorway."""
        return f"{self.public_url}/h/{self.labelled(door)}"

    def prompt(self, notice_id: str) -> str:
        """Return the URL at which a platform fetches a notice's audio."""
        return f"{self.public_url}/notices/{self.labelled(notice_id)}/prompt.wav"

    def privacy_page(self, page_id: str) -> str:
        """Return the URL of a page for callers."""
        return f"{self.public_url}/privacy/{self.labelled(page_id)}"

    def webhook(self, provider: str, connection_id: str) -> str:
        """Return the URL of a connection's webhooks."""
        return f"{self.public_url}/webhooks/{provider}/{self.labelled(connection_id)}"

    def console(self, page: str, name: str, *, origin: str | None = None) -> str:
        """Return the URL of a console page that names no account, such as ``sign-in`` of a connection.

        ``origin``: that of the pages with passkeys, whose host is never an IP address.
        """
        return f"{origin or self.public_url}/console/{page}/{self.labelled(name)}"

    def scim(self, account: str) -> str:
        """Return the URL of an account's SCIM; its token carries the label."""
        return f"{self.public_url}/scim/v2/{quote(account, safe='')}"
