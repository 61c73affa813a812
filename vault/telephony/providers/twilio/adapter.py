"""Twilio: forms signed with the account's token or with a shared key; recordings that stay until deleted.

Twilio signs the URL and the parameters with HMAC-SHA1 and the AuthToken, or, with the header
``X-Twilio-Webhooks-Signature-Settings``, with HMAC-SHA256 and a shared key. That header is not
signed: with it only a shared key is accepted, and without it only the token, so an attacker gains nothing by adding or
removing it. The signature has no timestamp; duplicates are detected by the recording's sid.

Sources: twilio.com/docs/usage/webhooks/webhooks-security and /webhook-shared-keys,
/docs/voice/twiml/recording, /docs/voice/api/recording, /docs/usage/webhooks/webhooks-connection-overrides.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery, MediaRequest, RestReply, RestRequest
from vault.errors import Invalid
from vault.ports.telephony import CallDocuments, CredentialField, Credentials
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
#: The hosts of media, including other regions (api.dublin.ie1.twilio.com).
HOSTS = ("api.twilio.com", "*.twilio.com")

#: Subaccounts have their own sid and token.
CREDENTIALS = (
    CredentialField(
        name="account_sid",
        label="Account SID",
        hint="In the Console under Account Info: AC and 32 letters and digits.",
        pattern=re.compile(r"AC[0-9A-Za-z]{32}"),
        is_secret=False,
    ),
    CredentialField(
        name="auth_token",
        label="Auth Token",
        hint="In the Console under Account Info, of the same account or subaccount.",
        pattern=re.compile(r"[!-~]{1,256}"),
        is_secret=True,
    ),
    CredentialField(
        name="shared_key_id",
        label="Shared key SID",
        hint="Only if webhooks are signed with a shared key; then with the key itself.",
        pattern=re.compile(r"[!-+\-.-~]{1,128}"),
        is_secret=False,
        is_required=False,
    ),
    CredentialField(
        name="shared_key",
        label="Shared key",
        hint="Only if webhooks are signed with a shared key; then with its SID.",
        pattern=re.compile(r"[!-~]{1,512}"),
        is_secret=True,
        is_required=False,
    ),
)
SHARED = frozenset({"shared_key_id", "shared_key"})

#: Connection overrides: five retries after any failure. Without them Twilio does not retry a 5xx.
OVERRIDES = "#rc=5&rp=all"

#: /docs/voice/twiml/gather, /recording and /say. An empty finishOnKey makes # a normal key.
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
    title: str = "Twilio"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, also for one part of a shared key without the other."""
        TwilioApiProvider.check_credentials(self, credentials)
        if len(SHARED & set(credentials)) == 1:
            missing = next(iter(SHARED - set(credentials)))
            raise Invalid("A shared key and its id belong together: enter both, or neither.", field=missing)

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
        """Parse a form; None for JSON, which is never about a recording. Raises Invalid."""
        if events.is_json(delivery):
            return None
        return events.understand(events.fields(delivery))

    def rest(self, access: Access) -> rest.Rest:
        """Return Twilio's REST API for the account or subaccount."""
        return rest.Rest(
            origin=rest_base(access, ORIGIN),
            prefix=self.prefix,
            account=access.credentials.get("account_sid", ""),
            password=access.credentials.get("auth_token", ""),
        )

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build a request for WAV with all channels, with Basic authentication only to Twilio's API hosts."""
        return self.rest(access).media_request(
            announcement, is_own=_is_own, hosts=HOSTS, both_channels=len(announcement.voices) > 1
        )

    @property
    def call_documents(self) -> CallDocuments:
        """Return the reader and writer of TwiML."""
        return FLOW

    @property
    def resends_refused(self) -> bool:
        """Return True: it retries five times by the URL's suffix, and the vault reconciles with its list."""
        return True

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``POST .../Calls/{id}/Recordings/Twilio.CURRENT``, with silence while it is paused.

        Source: twilio.com/docs/voice/api/recording, "Update a Recording". It calls no webhook.
        """
        return self.rest(access).change_recording(call_ref, {"Status": "paused", "PauseBehavior": "silence"})

    def resume_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return the same request with the status in-progress."""
        return self.rest(access).change_recording(call_ref, {"Status": "in-progress"})

    def pause_state(self, reply: RestReply, *, paused: bool) -> bool:
        """Return whether the response has the status that was asked for."""
        return rest.has_status(reply, "paused" if paused else "in-progress")

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for TwiML or the console, and Twilio's behaviour on retries and deletion."""
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
                "status callback of numbers and of <Number> and <Client>. The recording callback contains no "
                "numbers, so without the status callback a recording has none."
            ),
            "recording": (
                "record-from-answer-dual records the two parties on separate channels. The vault cannot read "
                "recordings that Twilio encrypts with your own key."
            ),
            "retries": (
                "The part after # asks Twilio for five retries after any failure. Without it Twilio does not "
                "retry after a 5xx. The vault also reads Twilio's list of recordings."
            ),
            "signature": (
                "X-Twilio-Signature with the AuthToken of the account (or subaccount) in the credentials, "
                "over exactly this URL. Shared keys need shared_key_id and shared_key."
            ),
            "delete_at_source": (
                "On by default. Twilio deletes the audio immediately and keeps metadata of the recording for "
                "40 days. A failed deletion is retried; a recording that the vault does not know is not deleted."
            ),
        }


def _call_start(webhook_url: str) -> Mapping[str, str]:
    return {
        "url": f"{webhook_url}/call",
        "method": "POST",
        "enter_at": (
            "The voice URL (A call comes in) of the number or the TwiML App. The vault responds with TwiML that "
            "plays the notices, starts the recording if allowed, and continues at the connection's next_url. A "
            "notice in a language that Twilio does not support needs an audio file."
        ),
    }


def _is_own(url: MediaUrl) -> bool:
    """Tell whether credentials may be sent to ``url``: Twilio's API, in any region, over https."""
    interface = url.host == "api.twilio.com" or (
        url.host.startswith("api.") and url.host.endswith(".twilio.com")
    )
    return interface and url.scheme == "https" and url.port == PORTS["https"]
