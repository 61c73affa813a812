"""What the web room must know of where it is hosted; it is not told the rest of the settings."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrl:
    """How the world reaches the service."""

    #: Links and webhook URLs begin with it; never taken from a Host header.
    public_url: str
    #: Proxies whose X-Forwarded-For is believed.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: Serve the contract at /openapi.json, and as a page at /reference.
    reference: bool = True

    @property
    def secure(self) -> bool:
        """Say whether the world reaches the service over https."""
        return self.public_url.startswith("https://")
