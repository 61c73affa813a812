"""Where media is fetched from: hosts that may receive a provider's credentials, and pre-signed URLs without any.

A host is decided by parsing, never by the text of the URL: ``https://evil.example/?nexmo.com`` also contains the
provider's name. The host of the connection's ``api_base`` is trusted because an admin configured it.
A pre-signed URL is the authorization itself. S3 refuses a request with both a signature and an Authorization header,
and a bucket must not receive a provider's credentials. Bucket names follow a pattern and regions differ between
accounts, so the URL's host is allowed if it matches the pattern.
"""

import re

from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access, MediaRequest
from vault.errors import FetchFailed
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


def presigned(
    announcement: Announcement, access: Access, *, hosts: tuple[str, ...], bucket: re.Pattern[str]
) -> MediaRequest:
    """Build a request without credentials to ``hosts``, a host that matches ``bucket``, or the host of ``api_base``.

    Raises FetchFailed: not final without a URL (the provider's API may return one), final for an invalid URL.
    """
    if announcement.url is None:
        raise FetchFailed("The announcement has no URL.")
    try:
        host = parse_media_url(announcement.url).host
    except ValueError:
        raise FetchFailed("The media URL is invalid.", final=True) from None
    if access.api_base is not None:
        hosts = (*hosts, *rest_hosts(access.api_base))
    if bucket.fullmatch(host) is not None:
        hosts = (*hosts, host)
    return MediaRequest(url=announcement.url, headers={}, hosts=hosts)
