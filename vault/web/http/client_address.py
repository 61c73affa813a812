"""Where a request really comes from, through proxies that the operator named and no others."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fastapi import Request


def client_address(request: Request) -> str | None:
    """Return the client's address: the first from the right in X-Forwarded-For that is no trusted proxy."""
    proxies: Sequence[IPv4Network | IPv6Network] = request.app.state.hosting.trusted_proxies
    address = _address(request.client.host) if request.client else None
    # A proxy may add a line of its own instead of going on with the client's, so all lines count.
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",") if proxies else []
    while address is not None and hops and hops != [""] and any(address in network for network in proxies):
        address = _address(hops.pop().strip())
    return None if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows an IPv4 client like this.
    return getattr(address, "ipv4_mapped", None) or address
