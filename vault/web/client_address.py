"""Where a request really comes from, through proxies that the operator named and no others."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from fastapi import Request


def client_address(request: Request) -> str | None:
    """Return the client's address: the first from the right in X-Forwarded-For that is no trusted proxy."""
    proxies: Sequence[IPv4Network | IPv6Network] = request.app.state.hosting.trusted_proxies
    peer = request.client.host if request.client else None
    hops = request.headers.get("x-forwarded-for", "").split(",") if proxies else []
    while peer is not None and hops and _within(peer, proxies):
        peer = hops.pop().strip()
    return peer if peer is not None and _is_address(peer) else None


def _within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
