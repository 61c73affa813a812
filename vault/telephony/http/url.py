"""The URL of a recording, taken apart strictly: one reading, or none.

Browsers, libraries and resolvers disagree about odd URLs: a tab inside the scheme, a backslash, an at
sign, a host of Unicode digits, ``0x7f.1``. Such a URL can pass a check in one reading and be fetched in
another. So only what every reader takes apart alike is accepted: printable ASCII, a host of letters,
digits and hyphens or a canonical address, no userinfo.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Characters of a URL; pre-signed ones have up to 2000.
MAX_URL = 4096

PORTS = {"https": 443, "http": 80}
PRINTABLE = re.compile(r"[!-\[\]-~]+")
AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.\-]{1,253})(?::([1-9][0-9]{0,4}))?")
LABEL = re.compile(r"[0-9a-z](?:[0-9a-z\-]{0,61}[0-9a-z])?")
#: A host whose last label looks like this is read as an IPv4 address by some resolvers (WHATWG URL, 3.5).
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MediaUrl:
    """The parts of a URL. It has no repr: path and query may carry a signature."""

    scheme: str
    #: Lower case; an IPv6 address is without its brackets and in its shortest form.
    host: str
    port: int
    #: Path and query, as they stand in the request line.
    target: str

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if PORTS[self.scheme] == self.port else f"{host}:{self.port}"


def parse_media_url(url: str) -> MediaUrl:
    """Take an http or https URL apart. Raises ValueError, without the URL in it, for odd ones."""
    if len(url) > MAX_URL or PRINTABLE.fullmatch(url) is None:
        raise ValueError(f"A URL has at most {MAX_URL} characters of printable ASCII.")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise ValueError("The URL begins with https://.")
    parts = urlsplit(f"{scheme}://{rest}")
    host, port = parse_authority(parts.netloc)
    return MediaUrl(
        scheme=scheme,
        host=host,
        port=PORTS[scheme] if port is None else port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def parse_authority(authority: str) -> tuple[str, int | None]:
    """Take ``host`` or ``host:port`` apart. Raises ValueError for userinfo and for odd hosts."""
    match = AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("The URL names a plain ASCII host, without a user.")
    port = int(match[2]) if match[2] else None
    if port is not None and port > 0xFFFF:  # noqa: PLR2004 - the largest port there is
        raise ValueError("There is no such port.")
    return _host(match[1].lower()), port


def host_matches(host: str, patterns: tuple[str, ...]) -> bool:
    """Say whether ``host`` is named by an exact pattern, by ``*.`` and a suffix, or by ``*``."""
    return any(
        pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
        for pattern in patterns
    )


def _host(host: str) -> str:
    if host.startswith("["):
        # The pattern lets no zone through, so this is an address that means the same everywhere.
        return str(ipaddress.IPv6Address(host[1:-1]))
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        try:
            canonical = str(ipaddress.IPv4Address(host))
        except ValueError:
            canonical = ""
        if canonical != host:
            raise ValueError("An address is written as four decimal numbers.")
        return host
    if not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("The host is a plain ASCII name.")
    return host
