"""Media at pre-signed URLs: the URL is the permission, so nothing else goes with the request.

S3 refuses a request with a signature and an Authorization header, and a bucket is no place for a
provider's credentials anyway. Providers name their buckets by a pattern, in regions that differ between
accounts, so the one host that the URL names is let through if it fits.
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
    """Return a request without credentials to ``hosts``, a ``bucket``, or the host of ``api_base``.

    Raises FetchFailed without a URL (the provider may be asked for one), and finally for a URL that is none.
    """
    if announcement.url is None:
        raise FetchFailed("The announcement has no URL.")
    try:
        host = parse_media_url(announcement.url).host
    except ValueError:
        raise FetchFailed("The URL of the media is not one that can be fetched.", final=True) from None
    if access.api_base is not None:
        hosts = (*hosts, *rest_hosts(access.api_base))
    if bucket.fullmatch(host) is not None:
        hosts = (*hosts, host)
    return MediaRequest(url=announcement.url, headers={}, hosts=hosts)
