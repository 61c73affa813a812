"""The hosts that may receive a provider's credentials.

Decided by the parsed host, never by the text of the URL: ``https://evil.example/?nexmo.com`` also contains the
provider's name. The host of the connection's ``api_base`` is trusted because an admin configured it.
"""

from vault.domain.calls.provider_api import Access
from vault.telephony.http.url import host_matches, parse_media_url
from vault.telephony.rest_api.replies import rest_hosts


def own_hosts(usual: tuple[str, ...], access: Access) -> tuple[str, ...]:
    """Return the provider's hosts and the host of ``api_base``. Raises FetchFailed for an invalid ``api_base``."""
    return usual if access.api_base is None else (*usual, *rest_hosts(access.api_base))


def takes_credentials(url: str, usual: tuple[str, ...], access: Access) -> bool:
    """Tell whether credentials may be sent to ``url``: the provider's own host, and encrypted.

    Plain http is allowed only if ``api_base`` itself uses it; the HTTP client refuses such a host unless
    the operator trusts it. Raises FetchFailed for an invalid ``api_base``.
    """
    try:
        parsed = parse_media_url(url)
    except ValueError:
        return False
    base = access.api_base
    if base is not None and parsed.host in rest_hosts(base):
        return parsed.scheme == "https" or parse_media_url(base).scheme == "http"
    return parsed.scheme == "https" and host_matches(parsed.host, usual)
