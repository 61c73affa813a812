"""The client's address, read through trusted proxies only."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fastapi import Request


def client_address(request: Request) -> str | None:
    """Return the client's address: the rightmost in X-Forwarded-For that is not a trusted proxy's."""
    proxies: Sequence[IPv4Network | IPv6Network] = request.app.state.hosting.trusted_proxies
    address = _address(request.client.host) if request.client else None
    # A proxy may add a header of its own instead of appending to the client's, so all of them are read.
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",") if proxies else []
    while address is not None and hops and hops != [""] and any(address in network for network in proxies):
        address = _address(hops.pop().strip())
    return None if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket reports an IPv4 client as an IPv4-mapped IPv6 address.
    return getattr(address, "ipv4_mapped", None) or address
