"""Media requests to pre-signed URLs: the URL is the authorization, so no credentials are sent.

S3 refuses a request with both a signature and an Authorization header, and a bucket must not receive a
provider's credentials. Bucket names follow a pattern and regions differ between accounts, so the
URL's host is allowed if it matches the pattern.
"""

import re

from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access, MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.url import parse_media_url
from vault.telephony.rest_api.replies import rest_hosts


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
