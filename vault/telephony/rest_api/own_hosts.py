"""Which hosts are a provider's own, so that its credentials may go there.

Decided on the parsed host, never on the text of the URL: ``https://evil.example/?nexmo.com`` contains the
provider's name too. The host of the connection's ``api_base`` is the provider's own because its admin said so.
"""

from vault.domain.calls.provider_api import Access
from vault.telephony.http.url import host_matches, parse_media_url
from vault.telephony.rest_api.replies import rest_hosts


def own_hosts(usual: tuple[str, ...], access: Access) -> tuple[str, ...]:
    """Return the provider's hosts, and that of the connection's ``api_base``. Raises FetchFailed for a bad one."""
    return usual if access.api_base is None else (*usual, *rest_hosts(access.api_base))


def takes_credentials(url: str, usual: tuple[str, ...], access: Access) -> bool:
    """Say whether ``url`` is the provider's own, and credentials do not go there in the clear.

    Plain http is only for an ``api_base`` that is plain http itself; the fetcher lets such a host through only
    where the operator vouches for it. Raises FetchFailed for a bad ``api_base``.
    """
    try:
        parsed = parse_media_url(url)
    except ValueError:
        return False
    base = access.api_base
    if base is not None and parsed.host in rest_hosts(base):
        return parsed.scheme == "https" or parse_media_url(base).scheme == "http"
    return parsed.scheme == "https" and host_matches(parsed.host, usual)
