"""The vault as the site of a passkey: the domain to which browsers bind it, and the origin of the pages that use it."""

from dataclasses import dataclass

from vault.domain.urls import is_loopback, split_url
from vault.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Domain and origin of passkeys. A passkey of another domain does not sign in here."""

    #: RP id of WebAuthn: the host of the public URL or a domain above it.
    domain: str
    #: Scheme, host and port of the pages with the scripts, as a browser writes an origin.
    origin: str

    @classmethod
    def of(cls, public_url: str, domain: str | None = None) -> "RelyingParty":
        """Return that of a public URL. Raises Invalid for a domain of which the URL's host is no part.

        Browsers make passkeys for names alone: the pages of ``127.0.0.1`` lead to ``localhost``.
        """
        parts = split_url(public_url)
        host = (parts.hostname or "").lower()
        if is_loopback(host):
            host = "localhost"
        domain = (domain or host).lower()
        if host != domain and not host.endswith(f".{domain}"):
            raise Invalid("It must be the host of the public URL, or a domain above it.", field="domain")
        default = {"http": 80, "https": 443}.get(parts.scheme)
        port = "" if parts.port in {None, default} else f":{parts.port}"
        return cls(domain=domain, origin=f"{parts.scheme}://{host}{port}")
