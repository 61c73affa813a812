"""The client's address, read through trusted proxies only: for networks of links, and for limits by address.

A limit is a fixed-window counter, such as for requests for dead links and wrong sign-ins. An address's window begins
when something is counted for it, and lasts a minute. The table is in memory: each process has its own, and a restart
clears it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from fastapi import Request

from vault.errors import TooMany

_Address = IPv4Address | IPv6Address
#: What proxies write: ``192.0.2.7:50123``, ``[2001:db8::1]:50123``, ``[2001:db8::1]``.
_WITH_PORT: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")
MINUTE = timedelta(minutes=1)
#: Max addresses in the table; the one whose window began first is evicted first.
MAX_ADDRESSES = 10_000
#: Prefix length by which IPv6 clients are counted: a client usually has a whole /64 (RFC 6177, section 2).
_IPV6_BITS = 64


def client_address(request: Request) -> str | None:
    """Return the client's address: the rightmost in X-Forwarded-For that is not a trusted proxy's.

    None if a trusted proxy says something else there, such as ``unknown``: then the client is in no network.
    """
    _, address = _addresses(request)
    return None if address is None else str(address)


def limited_address(request: Request) -> str | None:
    """Return the address under which a client is counted: its own, else that of the proxy that does not say it.

    None only without a peer, which no TCP connection is.
    """
    last, address = _addresses(request)
    counted = address or last
    return None if counted is None else str(counted)


def _addresses(request: Request) -> tuple[_Address | None, _Address | None]:
    """Return the address of the last hop that could be read, and the client's, which may not be known."""
    proxies: Sequence[IPv4Network | IPv6Network] = request.app.state.hosting.trusted_proxies
    address = last = _address(request.client.host) if request.client else None
    # A proxy may add a header of its own instead of appending to the client's, so all of them are read.
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",") if proxies else []
    while address is not None and hops and hops != [""] and any(address in network for network in proxies):
        last, address = address, _address(hops.pop().strip())
    return last, address


def _address(text: str) -> _Address | None:
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["v6"] or with_port["v4"] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket reports an IPv4 client as an IPv4-mapped IPv6 address.
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(slots=True)
class _Window:
    """What was counted for one address since its window began."""

    began: datetime
    count: int = 0


class AddressLimit:
    """The table: the current window of each address."""

    def __init__(self, limit: int, text: str) -> None:
        """Start with an empty table. ``text`` says what the address did ``limit`` times within a window."""
        self._limit = limit
        self._text = text
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._windows)

    def check(self, address: str, now: datetime) -> None:
        """Raise TooMany while the address's count has reached the limit."""
        window = self._current_window(address, now)
        if window is None or window.count < self._limit:
            return
        left = math.ceil((window.began + MINUTE - now).total_seconds())
        raise TooMany(self._text, retry_after=left)

    def count(self, address: str, now: datetime) -> None:
        """Count one more."""
        window = self._current_window(address, now)
        if window is None:
            # Inserted at the end, so the table is ordered by the start of the windows.
            window = self._windows[_table_key(address)] = _Window(now)
            while len(self._windows) > MAX_ADDRESSES:
                del self._windows[next(iter(self._windows))]
        window.count += 1

    def _current_window(self, address: str, now: datetime) -> _Window | None:
        """Return the address's window; drop it if it is over or if the clock was set back before its start."""
        key = _table_key(address)
        window = self._windows.get(key)
        if window is not None and not window.began <= now < window.began + MINUTE:
            del self._windows[key]
            return None
        return window


def _table_key(address: str) -> str:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        # Converted to int to drop the zone, which a network cannot have.
        return str(IPv6Network((int(found), _IPV6_BITS), strict=False))
    return address
