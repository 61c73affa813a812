"""Plivo: signed form callbacks, recordings that stay until they are deleted, and a list of recordings.

A callback has no type: it announces a recording if it names one (``callbacks``). A media URL needs no
authentication unless the account requires it; so credentials are sent, but only to Plivo's own hosts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CallDocuments, CredentialField, Credentials, Provider
from vault.telephony.parsing.forms import parse_query
from vault.telephony.parsing.json_fields import Json, media
from vault.telephony.providers.plivo.callbacks import callback_name, listed_recording, parse_callback
from vault.telephony.providers.plivo.documents import OVERRIDES, PlivoDocuments
from vault.telephony.rest_api.media_requests import own_hosts, takes_credentials
from vault.telephony.rest_api.replies import basic, reply_object, rest_base, rest_hosts
from vault.telephony.signatures.plivo_hmac import NONCE, NONCE_HEADER, verify_plivo

REST = "https://api.plivo.com"
HOSTS = ("*.plivo.com",)
#: Older recordings are in Plivo's S3 buckets, which need no authentication.
MEDIA_HOSTS = (*HOSTS, "s3.amazonaws.com", "*.s3.amazonaws.com")

CREDENTIALS = (
    CredentialField(
        name="auth_id",
        label="Auth ID",
        hint="At the top of the console's home page, of the account that records.",
        pattern=re.compile(r"[0-9A-Za-z_-]{1,64}"),
        is_secret=False,
    ),
    CredentialField(
        name="auth_token",
        label="Auth Token",
        hint="At the top of the console's home page, beside the Auth ID.",
        pattern=re.compile(r"[!-~]{1,512}"),
        is_secret=True,
    ),
)
NOT_FOUND = 404
#: Plivo's maximum page size.
PAGE = 20


@dataclass(frozen=True, slots=True)
class Plivo(Provider):
    """The provider ``plivo``. It has no state."""

    name: str = "plivo"
    title: str = "Plivo"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the tokens made a version 3 signature."""
        verify_plivo([entry.get("auth_token", "") for entry in credentials], delivery)

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse the callback; None if it is not about a call or a recording. Raises Invalid."""
        nonce = delivery.headers.get(NONCE_HEADER, "")
        return parse_callback(delivery, nonce if NONCE.fullmatch(nonce) else None)

    def event_name(self, delivery: Delivery) -> str | None:
        """Return ``Event`` or the call's status."""
        return callback_name(delivery)

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build the request, over https, with credentials if the host is Plivo's."""
        if announcement.url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        url, hosts = announcement.url, own_hosts(MEDIA_HOSTS, access)
        if url.startswith("http://s3.amazonaws.com/"):
            # Old accounts get http URLs; the bucket supports https too.
            url = f"https{url.removeprefix('http')}"
        headers = _credentials(access) if takes_credentials(url, HOSTS, access) else {}
        return MediaRequest(url=url, headers=headers, hosts=hosts)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Build the request for a recording's metadata."""
        source_ref = announcement.source_ref
        return None if source_ref is None else _rest("GET", f"{quote(source_ref, safe='')}/", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with its current URL. Raises FetchFailed, final for 410.

        404 is not final: this runs seconds after a callback, when not all of Plivo's servers may have the recording.
        """
        if reply.status == NOT_FOUND:
            raise FetchFailed("The provider does not have the recording, or not yet.")
        try:
            url = media(reply_object(reply), "recording_url")
        except Invalid:
            url = None
        if url is None:
            raise FetchFailed("The provider's response contains no URL.")
        return replace(announcement, url=url)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Build the request that deletes a recording; Plivo responds with 204."""
        return _rest("DELETE", f"{quote(source_ref, safe='')}/", access)

    @property
    def resends_refused(self) -> bool:
        """Return True: it retries five times by the URL's suffix, and the vault reconciles with its list."""
        return True

    @property
    def deletes_by_default(self) -> bool:
        """Return True: deletion is documented, and Plivo keeps recordings (and bills them after 90 days)."""
        return True

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Build the request for a page of recordings added since; the cursor is an offset."""
        query = {
            "add_time__gte": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "limit": PAGE,
            "offset": cursor or "0",
        }
        return _rest("GET", f"?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Parse a page of recordings. Raises FetchFailed if the response is not a list."""
        page = reply_object(reply)
        objects = page.get("objects")
        if not isinstance(objects, list):
            raise FetchFailed("The provider's response is not a list of recordings.")
        items = [listed_recording(entry) for entry in objects]
        return ListedPage(items=[item for item in items if item is not None], cursor=_next_offset(page))

    @property
    def call_documents(self) -> CallDocuments:
        """Return the reader and writer of Plivo's XML."""
        return PlivoDocuments()

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for the application and for Record elements."""
        return {
            "url": webhook_url + OVERRIDES,
            "method": "POST",
            "call_start": {
                "url": f"{webhook_url}/call",
                "method": "POST",
                "enter_at": (
                    "answer_url of the application, answer_method POST. The vault responds with XML that plays the "
                    "notices, starts the recording if allowed, and continues at the connection's next_url. A notice "
                    "in a language that <Speak> does not list needs an audio file."
                ),
            },
            "events": [
                "callbackUrl of every Record element or Record API call",
                "hangup_url of the application",
            ],
            "signature": "Version 3 (X-Plivo-Signature-V3 and -Ma-V3). Version 2 is not accepted.",
            "retries": (
                "The end of the URL, #rc=5&rp=all, makes Plivo retry a callback five times after any failure; "
                "by default it retries once, and never after a 5xx. Enter the URL with it."
            ),
            "recording": 'Set maxLength on <Record>: by default Plivo stops after 60 seconds. fileFormat="wav".',
            "delete_at_source": (
                "On by default. Plivo keeps recordings until they are deleted, and bills them after 90 days. The "
                "vault deletes Plivo's copy after it has verified its own; Plivo does not document backups."
            ),
        }


def _credentials(access: Access) -> dict[str, str]:
    return {
        "Authorization": basic(
            access.credentials.get("auth_id", ""), access.credentials.get("auth_token", "")
        )
    }


def _rest(method: str, rest: str, access: Access) -> RestRequest:
    base, account = rest_base(access, REST), quote(access.credentials.get("auth_id", ""), safe="")
    return RestRequest(
        method=method,
        url=f"{base}/v1/Account/{account}/Recording/{rest}",
        headers=_credentials(access),
        hosts=rest_hosts(base),
    )


def _next_offset(page: Json) -> str | None:
    """Return the offset of the next page; None at the end. Raises FetchFailed if it cannot be parsed."""
    meta = page.get("meta")
    following = meta.get("next") if isinstance(meta, dict) else None
    if following is None:
        return None
    try:
        offset = parse_query(urlsplit(str(following)).query).first("offset")
    except (Invalid, ValueError):
        offset = None
    if offset is None or re.fullmatch("[1-9][0-9]{0,8}", offset) is None:
        raise FetchFailed("The provider's response does not contain the offset of the next page.")
    return offset
