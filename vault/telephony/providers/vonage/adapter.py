"""Vonage's Voice API: signed callbacks, and recordings that its REST API serves for 30 days.

An event with ``recording_url`` announces a recording. ``recording_uuid`` is its stable id; the file's name, the
last part of the URL, is a different id. ``https://api.nexmo.com`` serves files as part of its REST API,
so a connection's ``api_base`` replaces it in recording URLs too. If a URL no longer works, because a
region's host changed, the file is requested by its name from the REST API. Vonage has no list of recordings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CallDocuments, CredentialField, Credentials, Provider
from vault.telephony.providers.vonage.callbacks import FILE, callback_name, parse_callback
from vault.telephony.providers.vonage.ncco import NccoDocuments
from vault.telephony.rest_api.media_requests import own_hosts, takes_credentials
from vault.telephony.rest_api.replies import rest_base, rest_hosts
from vault.telephony.signatures.jwt import application_token, callback_id, verify_callback
from vault.telephony.signatures.rsa_keys import check_rsa_key

REST = "https://api.nexmo.com"
#: Files are at api.nexmo.com, api-us.nexmo.com and similar hosts, and api-<region>.vonage.com.
HOSTS = ("*.nexmo.com", "*.vonage.com")

CREDENTIALS = (
    CredentialField(
        name="signature_secret",
        label="Signature secret",
        hint="In the dashboard under API settings; it is not the API secret.",
        pattern=re.compile(r"[!-~]{1,512}"),
        is_secret=True,
    ),
    CredentialField(
        name="application_id",
        label="Application ID",
        hint="In the dashboard under Applications, of the application that records.",
        pattern=re.compile(r"[0-9A-Za-z-]{1,64}"),
        is_secret=False,
    ),
    CredentialField(
        name="private_key",
        label="Private key",
        hint="The whole text of private.key, whose public key the application has: RSA, 2048 to 4096 bits.",
        pattern=re.compile(r"(?s:.)+"),
        is_secret=True,
    ),
)
GONE = 410


@dataclass(frozen=True, slots=True)
class Vonage(Provider):
    """The provider ``vonage``. It has no state."""

    name: str = "vonage"
    title: str = "Vonage"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, also for a key that cannot sign."""
        Provider.check_credentials(self, credentials)
        check_rsa_key(credentials.get("private_key", ""))

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless the token was signed with one of the secrets and matches this callback."""
        keys = [(entry.get("signature_secret", ""), entry.get("application_id", "")) for entry in credentials]
        verify_callback(keys, delivery)

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse the event; None if it is not about a conversation. Raises Invalid."""
        return parse_callback(delivery, callback_id(delivery))

    def event_name(self, delivery: Delivery) -> str | None:
        """Return the status of the leg, or the type of another event."""
        return callback_name(delivery)

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build the request, with the application's token if the host is Vonage's."""
        if announcement.url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        url = announcement.url
        if url.startswith(f"{REST}/"):
            url = rest_base(access, REST) + url.removeprefix(REST)
        headers = _token(access) if takes_credentials(url, HOSTS, access) else {}
        return MediaRequest(url=url, headers=headers, hosts=own_hosts(HOSTS, access))

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Build a HEAD request for the file in the REST API, so that the response contains no audio."""
        if announcement.source_ref is None:
            return None
        return _rest("HEAD", f"/v1/files/{announcement.source_ref}", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the file's URL in the REST API, for any status except 410.

        HEAD is not documented by Vonage, so only 410 is used; the download shows any other failure.
        """
        if reply.status == GONE:
            raise FetchFailed("The provider has deleted the recording.", final=True)
        if announcement.source_ref is None:
            raise FetchFailed("The recording's file name at the provider is unknown.", final=True)
        return replace(announcement, url=f"{REST}/v1/files/{announcement.source_ref}")

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Build the Media API's delete request, for connections with ``delete_at_source``."""
        return _rest("DELETE", f"/v3/media/{source_ref}", access) if FILE.fullmatch(source_ref) else None

    @property
    def call_documents(self) -> CallDocuments:
        """Return the reader and writer of NCCOs."""
        return NccoDocuments()

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for the application's Voice settings and for NCCOs."""
        return {
            "url": webhook_url,
            "method": "POST",
            "call_start": {
                "url": f"{webhook_url}/call",
                "method": "POST",
                "enter_at": (
                    "answer_url of the application, answer_method POST. The vault responds with an NCCO that plays "
                    "the notices, starts the recording if allowed, and continues at the connection's next_url, "
                    "which Vonage requests with a notify event: it contains the conversation_uuid but no numbers. A "
                    "notice in a language that Vonage does not support needs an audio file."
                ),
            },
            "events": ["event_url of the application", "eventUrl of every record action, eventMethod POST"],
            "signature": (
                "Enable signed callbacks for the application's Voice capability. Each request contains a "
                "JWT (HS256) made with the account's signature secret. A GET's query is not signed: use POST."
            ),
            "retries": "Vonage decides; the URL has no options for it.",
            "recording": (
                "Vonage's events do not contain the recording's format. Use format wav, split conversation and "
                "channels 2, so that each party has its own channel. The private key must be that of the "
                "application that records."
            ),
            "delete_at_source": (
                "Off by default. Vonage deletes every recording itself after 30 days. When it is on, the "
                "vault sends DELETE /v3/media/<file>, but Vonage does not document that this deletes "
                "call recordings; the recording's history shows the response."
            ),
        }


def _token(access: Access) -> dict[str, str]:
    """Build the header with the application's token. Raises FetchFailed if the private key is invalid."""
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
