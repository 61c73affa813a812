"""The hosting settings that the web package needs; it gets no others."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrl:
    """How clients reach the service."""

    #: Base of links and webhook URLs; never taken from a Host header.
    public_url: str
    #: Proxies whose X-Forwarded-For is trusted.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: Serve the contract at /openapi.json, and as a page at /reference.
    reference: bool = True

    @property
    def secure(self) -> bool:
        """Tell whether clients reach the service over https."""
        return self.public_url.startswith("https://")
