"""Shared parts of calls to a provider's REST API: base URL, authentication, and validation of the response.

Responses are parsed as strictly as webhooks: after an unexpected one the request is retried later; a response is
never used in part. No error contains the URL, the credentials or the body.
"""

import base64
from collections.abc import Mapping

from vault.domain.calls.provider_api import Access, RestReply
from vault.errors import FetchFailed, Invalid
from vault.telephony.http.url import parse_media_url
from vault.telephony.parsing.strict_json import parse_object

#: Maximum bytes of a response: the limit of the REST client.
MAX_REPLY = 1024 * 1024
#: The status for permanent deletion (RFC 9110, 15.5.11). 404 is not final: media is requested right after its
#: announcement, when not all of a platform's servers have it.
GONE = 410


def rest_base(access: Access, usual: str) -> str:
    """Return the API's base URL without a trailing slash: the connection's ``api_base``, or ``usual``."""
    return (access.api_base or usual).rstrip("/")


def rest_hosts(base: str) -> tuple[str, ...]:
    """Return the host of the base URL, the only one allowed. Raises FetchFailed, final, for an invalid URL."""
    try:
        return (parse_media_url(base).host,)
    except ValueError:
        raise FetchFailed("The connection's api_base must be an http or https URL.", final=True) from None


def basic(user: str, password: str) -> str:
    """Build the value of an Authorization header for HTTP Basic (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def reply_object(reply: RestReply) -> Mapping[str, object]:
    """Parse the JSON object of a successful response.

    Raises FetchFailed: final for 410; any other failure is retried, wrong credentials included.
    """
    if reply.status // 100 != 2:  # noqa: PLR2004 - the class of success
        text, gone = f"The provider answered {reply.status}.", reply.status == GONE
        raise FetchFailed(text, final=gone, host_down=reply.status >= 500)  # noqa: PLR2004 - the class of server errors
    try:
        return parse_object(reply.body, limit=MAX_REPLY)
    except Invalid:
        raise FetchFailed("The provider's response is not a valid JSON object.") from None
