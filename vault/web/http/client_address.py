"""The client's address, read through trusted proxies only: for networks of links, and for limits."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from fastapi import Request

_Address = IPv4Address | IPv6Address
#: What proxies write: ``192.0.2.7:50123``, ``[2001:db8::1]:50123``, ``[2001:db8::1]``.
_WITH_PORT: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")


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
