"""Vonage's Voice API: signed callbacks, and recordings that its REST interface serves for 30 days.

``recording_url`` makes an event that of a recording. ``recording_uuid`` is its stable name; the file, which
is the last part of the URL, has another. ``https://api.nexmo.com`` serves files as part of its REST interface,
so a connection's ``api_base`` stands in for it in URLs of recordings too. Where a URL went stale, because a
region's host moved, the file is asked for again under its name at that interface.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, ListedPage, MediaRequest, RestReply, RestRequest
from vault.domain.calls.webhook import Delivery
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CallDocuments, Credentials
from vault.telephony.providers.vonage.callbacks import FILE, heard
from vault.telephony.providers.vonage.ncco import NccoDocuments
from vault.telephony.rest_api.own_hosts import own_hosts, takes_credentials
from vault.telephony.rest_api.replies import rest_base, rest_hosts
from vault.telephony.signatures.jwt import application_token, callback_id, verify_callback
from vault.telephony.signatures.rsa_keys import check_rsa_key

REST = "https://api.nexmo.com"
#: Files lie at api.nexmo.com, at api-us.nexmo.com and the like, and at api-<region>.vonage.com.
HOSTS = ("*.nexmo.com", "*.vonage.com")

FIELDS = ("signature_secret", "application_id", "private_key")
SECRET = re.compile(r"[!-~]{1,512}")
APPLICATION = re.compile(r"[0-9A-Za-z-]{1,64}")
GONE = 410


@dataclass(frozen=True, slots=True)
class Vonage:
    """The provider ``vonage``. It has no state."""

    name: str = "vonage"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, unless these are exactly FIELDS and the key can sign."""
        if set(credentials) - set(FIELDS):
            raise Invalid(f"Vonage's credentials are {', '.join(FIELDS)}.", field="credentials")
        for field, pattern in (("signature_secret", SECRET), ("application_id", APPLICATION)):
            if pattern.fullmatch(credentials.get(field, "")) is None:
                raise Invalid(f"Vonage's credentials need a {field} as the dashboard shows it.", field=field)
        check_rsa_key(credentials.get("private_key", ""))

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless a token made with one of the secrets is of this delivery."""
        keys = [(entry.get("signature_secret", ""), entry.get("application_id", "")) for entry in credentials]
        verify_callback(keys, delivery)

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Return what the event says; None where it tells of no conversation. Raises Invalid."""
        return heard(delivery, callback_id(delivery))

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return the request, with the application's token where the host is Vonage's."""
        if announcement.url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        url = announcement.url
        if url.startswith(f"{REST}/"):
            url = rest_base(access, REST) + url.removeprefix(REST)
        headers = _token(access) if takes_credentials(url, HOSTS, access) else {}
        return MediaRequest(url=url, headers=headers, hosts=own_hosts(HOSTS, access))

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return a HEAD for the file at the REST interface, so that no audio comes with the answer."""
        if announcement.source_ref is None:
            return None
        return _rest("HEAD", f"/v1/files/{announcement.source_ref}", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the file's URL at the REST interface, whatever was answered but 410.

        No document says that Vonage answers HEAD, so only "gone" is believed; the fetch finds out the rest.
        """
        if reply.status == GONE:
            raise FetchFailed("The provider has deleted the recording.", final=True)
        if announcement.source_ref is None:
            raise FetchFailed("The recording has no name at the provider.", final=True)
        return replace(announcement, url=f"{REST}/v1/files/{announcement.source_ref}")

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return the deletion of the Media API, for connections that ask for it."""
        return _rest("DELETE", f"/v3/media/{source_ref}", access) if FILE.fullmatch(source_ref) else None

    @property
    def deletes_by_default(self) -> bool:
        """Return False: Vonage does not say that the Media API deletes recordings of calls."""
        return False

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return None: success is not answered ahead of time, as far as is known."""
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: Vonage has no list of recordings."""
        return None

    def listed(self, reply: RestReply) -> ListedPage:  # noqa: ARG002 - nothing was asked
        """Return an empty page."""
        return ListedPage()

    @property
    def call_documents(self) -> CallDocuments:
        """Return how NCCOs steer calls."""
        return NccoDocuments()

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: documents decide before anything is recorded."""
        return None

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: NCCOs begin recordings."""
        return None

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in the application's Voice settings and in NCCOs."""
        return {
            "url": webhook_url,
            "method": "POST",
            "call_start": {
                "url": f"{webhook_url}/call",
                "method": "POST",
                "enter_at": (
                    "answer_url of the application, answer_method POST. The vault answers with an NCCO that plays "
                    "the notices, begins the recording where it may, and goes on at the connection's next_url, "
                    "which Vonage asks with a notify event: it names the conversation_uuid and no numbers. A "
                    "notice in a language that Vonage does not speak needs audio of its own."
                ),
            },
            "events": ["event_url of the application", "eventUrl of every record action, eventMethod POST"],
            "signature": (
                "Signed callbacks must be on for the application's Voice capability. Each request carries a "
                "JWT (HS256) made with the account's signature secret. By GET the query is not signed: use POST."
            ),
            "retries": "Vonage decides; nothing can be set in the URL.",
            "recording": (
                "Vonage does not tell how it recorded. Use format wav, split conversation and channels 2 to "
                "hear the parties apart. The private key is that of the application that records."
            ),
            "delete_at_source": (
                "Off by default. Vonage deletes every recording by itself after 30 days. When it is on, the "
                "vault sends DELETE /v3/media/<file>, but Vonage does not document that this deletes recordings "
                "of calls; the recording's history shows what it answered."
            ),
        }


def _token(access: Access) -> dict[str, str]:
    """Return the header that shows the application's token. Raises FetchFailed for a key that cannot sign."""
    credentials = access.credentials
    try:
        token = application_token(
            credentials.get("application_id", ""), credentials.get("private_key", ""), now=access.now
        )
    except Invalid:
        raise FetchFailed("The connection's private key cannot sign.") from None
    return {"Authorization": f"Bearer {token}"}


def _rest(method: str, path: str, access: Access) -> RestRequest:
    base = rest_base(access, REST)
    return RestRequest(method=method, url=base + path, headers=_token(access), hosts=rest_hosts(base))
