"""Twilio: forms signed with the account's token, or with a shared key; recordings that stay until deleted.

Twilio signs the URL and the parameters with HMAC-SHA1 and the AuthToken, or, where the header
``X-Twilio-Webhooks-Signature-Settings`` says so, with HMAC-SHA256 and a shared key. That header is not
signed: with it only a shared key counts, and without it only the token, so nobody can pick a weaker proof
than the one he can make. There is no time in a signature; recordings are recognised by their sid.

Sources: twilio.com/docs/usage/webhooks/webhooks-security and /webhook-shared-keys,
/docs/voice/twiml/recording, /docs/voice/api/recording, /docs/usage/webhooks/webhooks-connection-overrides.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, MediaRequest, RestRequest
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid
from vault.ports.telephony import CallDocuments, Credentials
from vault.telephony.http.url import PORTS, MediaUrl
from vault.telephony.rest_api.replies import rest_base
from vault.telephony.signatures.twilio_hmac import (
    as_bytes,
    not_authentic,
    shared_key_id,
    url_claims,
    verify_claims,
)
from vault.telephony.twilio_api import events, rest
from vault.telephony.twilio_api.documents import TwilioApiDocuments
from vault.telephony.twilio_api.provider_base import TwilioApiProvider

ORIGIN = "https://api.twilio.com"
#: Where media lies, also of accounts in other regions (api.dublin.ie1.twilio.com).
HOSTS = ("api.twilio.com", "*.twilio.com")

#: What each credential looks like. Subaccounts have their own sid and token.
FORMATS: Mapping[str, re.Pattern[str]] = {
    "account_sid": re.compile(r"AC[0-9A-Za-z]{32}"),
    "auth_token": re.compile(r"[!-~]{1,256}"),
    "shared_key_id": re.compile(r"[!-+\-.-~]{1,128}"),
    "shared_key": re.compile(r"[!-~]{1,512}"),
}
OPTIONAL = frozenset({"shared_key_id", "shared_key"})

#: Connection overrides: five retries, whatever went wrong. Without them a 5xx is not repeated.
OVERRIDES = "#rc=5&rp=all"

#: /docs/voice/twiml/gather, /recording and /say. An empty finishOnKey makes # a key like the others.
FLOW = TwilioApiDocuments(
    recording={
        "channels": "dual",
        "track": "both",
        "trim": "do-not-trim",
        "recordingStatusCallbackMethod": "POST",
        "recordingStatusCallbackEvent": "completed absent",
    },
    gather={"method": "POST", "finishOnKey": ""},
    say={},
    overrides=OVERRIDES,
)


@dataclass(frozen=True, slots=True)
class Twilio(TwilioApiProvider):
    """The provider ``twilio``. It has no state."""

    prefix: ClassVar[str] = "/2010-04-01"
    name: str = "twilio"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid unless there are account_sid and auth_token, and both parts of a shared key or none."""
        events.check_credentials(credentials, FORMATS, optional=OPTIONAL)
        if len(OPTIONAL & set(credentials)) == 1:
            missing = next(iter(OPTIONAL - set(credentials)))
            raise Invalid("A shared key has an id and a secret.", field=missing)

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the credentials signed the URL and the parameters."""
        try:
            form = None if events.is_json(delivery) else events.fields(delivery)
        except Invalid:
            raise not_authentic() from None
        settings = delivery.headers.get("x-twilio-webhooks-signature-settings")
        given = delivery.headers.get("x-twilio-signature", "")
        if settings is None:
            keys = [as_bytes(entry.get("auth_token", "")) for entry in credentials]
            verify_claims(keys, url_claims(given, "sha1", delivery, form))
            return
        key_id = as_bytes(shared_key_id(settings))
        keys = [
            as_bytes(entry.get("shared_key", ""))
            for entry in credentials
            if hmac.compare_digest(as_bytes(entry.get("shared_key_id", "")), key_id)
        ]
        verify_claims(keys, url_claims(given, "sha256", delivery, form))

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Return what a form says; None for JSON, which tells of no recording. Raises Invalid."""
        if events.is_json(delivery):
            return None
        return events.understand(events.fields(delivery))

    def rest(self, access: Access) -> rest.Rest:
        """Return the account (or subaccount) at Twilio's interface."""
        return rest.Rest(
            origin=rest_base(access, ORIGIN),
            prefix=self.prefix,
            account=access.credentials.get("account_sid", ""),
            password=access.credentials.get("auth_token", ""),
        )

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return a request for WAV with all channels; Basic authentication to interfaces of Twilio alone."""
        return self.rest(access).media_request(
            announcement, is_own=_is_own, hosts=HOSTS, both_channels=len(announcement.voices) > 1
        )

    @property
    def call_documents(self) -> CallDocuments:
        """Return how TwiML steers calls."""
        return FLOW

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:  # noqa: ARG002 - the port's signature
        """Return None: TwiML begins recordings."""
        return None

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in TwiML or the console, and what Twilio does about retries and deletion."""
        return {
            "url": webhook_url + OVERRIDES,
            "method": "POST",
            "events": {
                "recordingStatusCallbackEvent": "in-progress completed absent",
                "statusCallbackEvent": "initiated ringing answered completed",
            },
            "call_start": _call_start(webhook_url),
            "enter_at": (
                "recordingStatusCallback of <Dial>, <Record>, <Recording> and <Conference> (in XML the "
                "ampersand of the URL is written &amp;), RecordingStatusCallback of REST calls, and the "
                "status callback of numbers and of <Number> and <Client>. The recording callback tells no "
                "numbers, so without the status callback a recording has none."
            ),
            "recording": (
                "record-from-answer-dual keeps the two sides apart. Recordings encrypted with your own "
                "key at Twilio cannot be read by the vault."
            ),
            "retries": (
                "The part behind # asks Twilio for five retries after any failure. Without it an answer "
                "of 5xx is not repeated. The vault also compares Twilio's list of recordings."
            ),
            "signature": (
                "X-Twilio-Signature with the AuthToken of the account (or subaccount) in the credentials, "
                "over exactly this URL. Shared keys need shared_key_id and shared_key."
            ),
            "delete_at_source": (
                "On by default. Twilio deletes the audio at once and keeps metadata of the recording for "
                "40 days. A failed deletion is repeated; a recording that the vault never heard of stays."
            ),
        }


def _call_start(webhook_url: str) -> Mapping[str, str]:
    return {
        "url": f"{webhook_url}/call",
        "method": "POST",
        "enter_at": (
            "The voice URL (A call comes in) of the number or the TwiML App. The vault answers with TwiML that "
            "plays the notices, begins the recording where it may, and goes on at the connection's next_url. A "
            "notice in a language that Twilio does not speak needs audio of its own."
        ),
    }


def _is_own(url: MediaUrl) -> bool:
    """Say whether credentials may go there: Twilio's interface, of any region, by https."""
    interface = url.host == "api.twilio.com" or (
        url.host.startswith("api.") and url.host.endswith(".twilio.com")
    )
    return interface and url.scheme == "https" and url.port == PORTS["https"]
