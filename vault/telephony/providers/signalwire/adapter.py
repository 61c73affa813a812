"""SignalWire: Twilio's dialect at the host of one's own space, signed with a signing key.

Forms (cXML) are signed as Twilio signs them. JSON, and what else SignalWire signs in its own way, carries a
hexadecimal HMAC over the URL and the raw body: SHA-1, and SHA-256 beside it, which then alone counts.
SignalWire's own SDK falls back to a signature over the URL alone; a form with parameters that was
accepted so would be proven by nothing, so that is refused here.

Sources: signalwire-sdk 3.7.5, ``core/security/webhook_validator.py``; signalwire.com/docs, compatibility
API, cXML (voice), recordings and webhook security.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, MediaRequest, RestRequest
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.ports.telephony import CallDocuments, Credentials
from vault.telephony.parsing.forms import Form
from vault.telephony.rest_api.replies import rest_base
from vault.telephony.signatures.twilio_hmac import Claim, as_bytes, raw_claim, url_claims, verify_claims
from vault.telephony.twilio_api import events, rest
from vault.telephony.twilio_api.documents import TwilioApiDocuments
from vault.telephony.twilio_api.provider_base import TwilioApiProvider

#: Spaces, and where they keep media.
HOSTS = ("*.signalwire.com",)

FORMATS: Mapping[str, re.Pattern[str]] = {
    "signing_key": re.compile(r"[!-~]{1,256}"),
    "project_id": re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "api_token": re.compile(r"[!-~]{1,256}"),
    #: The first label of <space>.signalwire.com.
    "space": re.compile(r"[0-9a-z](?:[0-9a-z\-]{0,61}[0-9a-z])?"),
}

#: cXML has <Start> with <Stream> and no <Recording>, and an unknown element is an error: so recording is begun
#: over the REST interface. That an empty finishOnKey frees the # is not documented, so # is no answer here.
FLOW = TwilioApiDocuments(recording=None, gather={"method": "POST"}, say={})


@dataclass(frozen=True, slots=True)
class SignalWire(TwilioApiProvider):
    """The provider ``signalwire``. It has no state."""

    prefix: ClassVar[str] = "/api/laml/2010-04-01"
    name: str = "signalwire"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid unless there are exactly signing_key, project_id, api_token and space."""
        events.check_credentials(credentials, FORMATS)

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the signing keys signed the delivery in one of the schemes."""
        keys = [as_bytes(entry.get("signing_key", "")) for entry in credentials]
        verify_claims(keys, _claims(delivery))

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Return what a form says; None for JSON of SWML and RELAY. Raises Invalid."""
        return None if events.is_json(delivery) else events.understand(events.fields(delivery))

    def rest(self, access: Access) -> rest.Rest:
        """Return the project at the interface of its space."""
        return rest.Rest(
            origin=rest_base(access, f"https://{access.credentials.get('space', '')}.signalwire.com"),
            prefix=self.prefix,
            account=access.credentials.get("project_id", ""),
            password=access.credentials.get("api_token", ""),
        )

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return a request for WAV; Basic authentication to the connection's own space alone."""
        return self.rest(access).media_request(announcement, is_own=lambda _url: False, hosts=HOSTS)

    @property
    def call_documents(self) -> CallDocuments:
        """Return how cXML steers calls."""
        return FLOW

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:
        """Return ``POST .../Calls/{id}/Recordings``, because cXML has no element that records in the background.

        SignalWire answers 200 and the recording, 400 where the call is over. Raises FetchFailed, final, for
        what is no call of SignalWire's.
        """
        return self.rest(access).start_recording(call_ref, status_url)

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in cXML or the dashboard, and what SignalWire does about retries and deletion."""
        return {
            "url": webhook_url,
            "method": "POST",
            "events": {
                "recordingStatusCallbackEvent": "in-progress completed absent",
                "statusCallbackEvent": "initiated ringing answered completed",
            },
            "call_start": {
                "url": f"{webhook_url}/call",
                "method": "POST",
                "enter_at": (
                    "The number's setting for incoming calls, handled by a cXML webhook. The vault answers with "
                    "cXML that plays the notices and goes on at the connection's next_url; it begins the recording, "
                    "where it may, over the REST interface, for which the API token needs the scope Voice. A notice "
                    "in a language that SignalWire does not speak needs audio of its own, and # answers no notice."
                ),
            },
            "enter_at": (
                "recordingStatusCallback of <Dial> and <Record>, RecordingStatusCallback of REST calls, and "
                "the status callback of numbers. The recording callback tells no numbers, so without the "
                "status callback a recording has none. JSON of SWML and RELAY is accepted and not used."
            ),
            "retries": (
                "Callbacks are best effort: they can be late or missing, and nothing in the URL changes "
                "that. So the vault compares SignalWire's list of recordings."
            ),
            "signature": (
                "X-SignalWire-Signature with the project's Signing Key (not the API token), over exactly "
                "this URL."
            ),
            "delete_at_source": (
                "On by default: the recording is deleted once the vault has read back its own. A failed "
                "deletion is repeated; a recording that the vault never heard of stays."
            ),
        }


def _claims(delivery: Delivery) -> list[Claim]:
    """Return every reading of the delivery's signatures that proves all of its body."""
    headers = delivery.headers
    given = headers.get("x-signalwire-signature", headers.get("x-twilio-signature", ""))
    stronger = headers.get("x-signalwire-sha256-signature")
    form = _form(delivery)
    claims = [] if stronger is None else [raw_claim(stronger, "sha256", delivery)]
    if form is None and stronger is not None:
        return claims
    claims.append(raw_claim(given, "sha1", delivery))
    try:
        claims += url_claims(given, "sha1", delivery, form)
    except NotAuthentic:
        # JSON whose hash is not in the URL: only the signature over the raw body can prove it.
        return claims
    return claims


def _form(delivery: Delivery) -> Form | None:
    if events.is_json(delivery):
        return None
    try:
        return events.fields(delivery)
    except Invalid:
        # Something else: a signature over the raw body may still prove it.
        return None
