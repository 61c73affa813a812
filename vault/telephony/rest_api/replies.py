"""Asking a provider's REST interface: where it is, who asks, and what the answer must look like.

Answers are read as strictly as webhooks: a provider that answers oddly is asked again later, never half
believed. No error carries the URL, the credentials or the body.
"""

import base64
from collections.abc import Mapping

from vault.domain.calls.provider_api import Access, RestReply
from vault.errors import FetchFailed, Invalid
from vault.telephony.http.url import parse_media_url
from vault.telephony.parsing.strict_json import parse_object

#: Bytes of an answer: as much as the REST client keeps.
MAX_REPLY = 1024 * 1024
#: The provider's word that what was asked for is gone for good (RFC 9110, 15.5.11). 404 is not: the media
#: is asked for right after it was announced, and not all of a platform's servers need know it yet.
GONE = 410


def rest_base(access: Access, usual: str) -> str:
    """Return where the interface is, without a slash at its end: the connection's own place, or the usual."""
    return (access.api_base or usual).rstrip("/")


def rest_hosts(base: str) -> tuple[str, ...]:
    """Return the one host that calls below ``base`` may reach. Raises FetchFailed for a base that is none."""
    try:
        return (parse_media_url(base).host,)
    except ValueError:
        raise FetchFailed("The connection's api_base is not a URL that can be asked.", final=True) from None


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header for HTTP Basic (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def reply_object(reply: RestReply) -> Mapping[str, object]:
    """Return the JSON object of a successful answer.

    Raises FetchFailed: final for 410, else to be tried again, wrong credentials included.
    """
    if reply.status // 100 != 2:  # noqa: PLR2004 - the class of success
        raise FetchFailed(f"The provider answered {reply.status}.", final=reply.status == GONE)
    try:
        return parse_object(reply.body, limit=MAX_REPLY)
    except Invalid:
        raise FetchFailed("The provider's answer is not the JSON that was asked for.") from None
