"""Addresses that outgoing requests may use: the public internet, and no internal network.

``ipaddress.is_global`` is not strict enough. On Python 3.11 it is true for 192.0.0.192 (a metadata service),
168.63.129.16 (the host of an Azure machine), 64:ff9b::a9fe:a9fe (169.254.169.254 behind NAT64),
2002:7f00:1:: (127.0.0.1 behind 6to4) and all multicast. So this module has its own lists: every IPv4 block of
the IANA special-purpose registry is denied; of IPv6 only global unicast is allowed, except the blocks in
the registry.
"""

import ipaddress

from vault.errors import FetchFailed

#: https://www.iana.org/assignments/iana-ipv4-special-registry, multicast, and Azure's host address.
IPV4_DENIED = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and one cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and one cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)

#: Global unicast (RFC 4291, section 2.4). Loopback, NAT64, unique local and link-local are outside it.
IPV6_ALLOWED = ipaddress.IPv6Network("2000::/3")

#: https://www.iana.org/assignments/iana-ipv6-special-registry, inside global unicast.
IPV6_DENIED = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: contains an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def check_address(address: str) -> None:
    """Raise FetchFailed, final, unless ``address`` is a literal IP address on the public internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise _refused() from None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            raise _refused()
        # The kernel connects to the mapped IPv4 address, so that one is checked.
        parsed = parsed.ipv4_mapped or parsed
    if isinstance(parsed, ipaddress.IPv4Address):
        public = not any(parsed in block for block in IPV4_DENIED)
    else:
        public = parsed in IPV6_ALLOWED and not any(parsed in block for block in IPV6_DENIED)
    if not public:
        raise _refused()


def _refused() -> FetchFailed:
    """Build the one error of this module: it must not reveal which internal address a name resolves to."""
    return FetchFailed("The host has an address that media is not fetched from.", final=True)
