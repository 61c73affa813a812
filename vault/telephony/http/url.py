"""A strict URL parser: only URLs that all parsers read the same way are accepted.

Browsers, libraries and resolvers disagree about unusual URLs: a tab inside the scheme, a backslash, an at
sign, a host of Unicode digits, ``0x7f.1``. A check could then pass for one host and the request go to another.
So a URL must be printable ASCII, with a host of letters, digits and hyphens or a canonical IP address, and without
userinfo.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Maximum characters of a URL; pre-signed ones have up to 2000.
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
    #: Lower case; an IPv6 address without brackets and in its shortest form.
    host: str
    port: int
    #: Path and query, as sent in the request line.
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what credentials are bound to."""
        return self.scheme, self.host, self.port

    @property
    def text(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if PORTS[self.scheme] == self.port else f"{host}:{self.port}"


def parse_media_url(url: str) -> MediaUrl:
    """Parse an http or https URL. Raises ValueError, without the URL in its message, for an ambiguous URL."""
    if len(url) > MAX_URL or PRINTABLE.fullmatch(url) is None:
        raise ValueError(f"The URL must have at most {MAX_URL} characters, all printable ASCII.")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise ValueError("The URL must begin with https:// or http://.")
    parts = urlsplit(f"{scheme}://{rest}")
    host, port = parse_authority(parts.netloc)
    return MediaUrl(
        scheme=scheme,
        host=host,
        port=PORTS[scheme] if port is None else port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def parse_authority(authority: str) -> tuple[str, int | None]:
    """Parse ``host`` or ``host:port``. Raises ValueError for userinfo and for ambiguous hosts."""
    match = AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("The URL must have an ASCII host and no userinfo.")
    port = int(match[2]) if match[2] else None
    if port is not None and port > 0xFFFF:  # noqa: PLR2004 - the largest port there is
        raise ValueError("The port must be at most 65535.")
    return _host(match[1].lower()), port


def host_matches(host: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether ``host`` matches an exact pattern, ``*.`` and a suffix, or ``*``."""
    return any(
        pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
        for pattern in patterns
    )


def is_address(host: str) -> bool:
    """Tell whether a parsed host is an IP address."""
    return ":" in host or NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _host(host: str) -> str:
    if host.startswith("["):
        # AUTHORITY does not match a zone, so the address has one meaning on every machine.
        return str(ipaddress.IPv6Address(host[1:-1]))
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        try:
            canonical = str(ipaddress.IPv4Address(host))
        except ValueError:
            canonical = ""
        if canonical != host:
            raise ValueError("An IPv4 address must be written as four decimal numbers.")
        return host
    if not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("The host must consist of letters, digits, hyphens and dots.")
    return host
