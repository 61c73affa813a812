"""SignalWire: Twilio's API at the host of the customer's space, signed with a signing key.

Forms (cXML) are signed as Twilio signs them. JSON and other bodies have a hexadecimal HMAC over the URL and the raw
body: SHA-1, or both SHA-1 and SHA-256, of which only SHA-256 is then checked.
SignalWire's own SDK also accepts a signature over the URL alone; that leaves the parameters of a form
unauthenticated, so it is refused here.

Sources: signalwire-sdk 3.7.5, ``core/security/webhook_validator.py``; signalwire.com/docs, compatibility
API, cXML (voice), recordings and webhook security.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery, MediaRequest, RestRequest
from vault.errors import Invalid, NotAuthentic
from vault.ports.telephony import CallDocuments, CredentialField, Credentials
from vault.telephony.parsing.forms import Form
from vault.telephony.rest_api.replies import rest_base
from vault.telephony.signatures.twilio_hmac import Claim, as_bytes, raw_claim, url_claims, verify_claims
from vault.telephony.twilio_api import events, rest
from vault.telephony.twilio_api.documents import TwilioApiDocuments
from vault.telephony.twilio_api.provider_base import TwilioApiProvider

#: Spaces and their media hosts.
HOSTS = ("*.signalwire.com",)

CREDENTIALS = (
    CredentialField(
        name="signing_key",
        label="Signing key",
        hint="On the API page of the dashboard; it is not the API token.",
        pattern=re.compile(r"[!-~]{1,256}"),
        is_secret=True,
    ),
    CredentialField(
        name="project_id",
        label="Project ID",
        hint="On the API page of the dashboard, such as 00000000-0000-4000-8000-000000000000.",
        pattern=re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
        is_secret=False,
    ),
    CredentialField(
        name="api_token",
        label="API token",
        hint="On the API page of the dashboard; it must be allowed to read and delete recordings.",
        pattern=re.compile(r"[!-~]{1,256}"),
        is_secret=True,
    ),
    CredentialField(
        name="space",
        label="Space",
        hint="The first part of the address of your space: acme of acme.signalwire.com.",
        pattern=re.compile(r"[0-9a-z](?:[0-9a-z\-]{0,61}[0-9a-z])?"),
        is_secret=False,
    ),
)

#: cXML has <Start> with <Stream> but without <Recording>, and an unknown element is an error: so the REST API starts
#: the recording. It is not documented that an empty finishOnKey makes # a normal key: see ``unheard_keys``.
FLOW = TwilioApiDocuments(recording=None, gather={"method": "POST"}, say={})


@dataclass(frozen=True, slots=True)
class SignalWire(TwilioApiProvider):
    """The provider ``signalwire``. It has no state."""

    prefix: ClassVar[str] = "/api/laml/2010-04-01"
    name: str = "signalwire"
    title: str = "SignalWire"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    @property
    def unheard_keys(self) -> frozenset[str]:
        """Return ``#``, which ends the input."""
        return frozenset("#")

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the signing keys signed the delivery in one of the schemes."""
        keys = [as_bytes(entry.get("signing_key", "")) for entry in credentials]
        verify_claims(keys, _claims(delivery))

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse a form; None for JSON (of SWML and RELAY). Raises Invalid."""
        return None if events.is_json(delivery) else events.understand(events.fields(delivery))

    def rest(self, access: Access) -> rest.Rest:
        """Return the REST API of the project's space."""
        return rest.Rest(
            origin=rest_base(access, f"https://{access.credentials.get('space', '')}.signalwire.com"),
            prefix=self.prefix,
            account=access.credentials.get("project_id", ""),
            password=access.credentials.get("api_token", ""),
        )

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build a request for WAV, with Basic authentication only to the connection's own space."""
        return self.rest(access).media_request(announcement, is_own=lambda _url: False, hosts=HOSTS)

    @property
    def call_documents(self) -> CallDocuments:
        """Return the reader and writer of cXML."""
        return FLOW

    def record_request(self, call_ref: str, status_url: str, access: Access) -> RestRequest | None:
        """Return ``POST .../Calls/{id}/Recordings``, because cXML has no element that records in the background.

        SignalWire responds with 200 and the recording, or with 400 if the call has ended. Raises FetchFailed, final,
        if the id is not one of SignalWire's.
        """
        return self.rest(access).start_recording(call_ref, status_url)

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for cXML or the dashboard, and SignalWire's behaviour on retries and deletion."""
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
                    "The number's setting for incoming calls, handled by a cXML webhook. The vault responds with "
                    "cXML that plays the notices and continues at the connection's next_url; it starts the recording, "
                    "if allowed, over the REST API, for which the API token needs the scope Voice. A notice "
                    "in a language that SignalWire does not support needs an audio file, and # cannot be an answer key."
                ),
            },
            "enter_at": (
                "recordingStatusCallback of <Dial> and <Record>, RecordingStatusCallback of REST calls, and "
                "the status callback of numbers. The recording callback contains no numbers, so without the "
                "status callback a recording has none. JSON of SWML and RELAY is accepted and ignored."
            ),
            "retries": (
                "Callbacks are best effort: they can be late or missing, and no option in the URL changes "
                "that. So the vault also reads SignalWire's list of recordings."
            ),
            "signature": (
                "X-SignalWire-Signature with the project's Signing Key (not the API token), over exactly this URL."
            ),
            "delete_at_source": (
                "On by default: the recording is deleted after the vault has verified its own copy. A failed "
                "deletion is retried; a recording that the vault does not know is not deleted."
            ),
        }


def _claims(delivery: Delivery) -> list[Claim]:
    """Build the claims of all schemes in which a signature would cover the whole body."""
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
        # JSON whose hash is not in the URL: only a signature over the raw body covers it.
        return claims
    return claims


def _form(delivery: Delivery) -> Form | None:
    if events.is_json(delivery):
        return None
    try:
        return events.fields(delivery)
    except Invalid:
        # Not a form: a signature over the raw body may still cover it.
        return None
