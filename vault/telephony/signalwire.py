"""SignalWire: Twilio's dialect at the host of one's own space, signed with a signing key.

Forms (cXML) are signed as Twilio signs them. JSON, and what else SignalWire signs in its own way, carries a
hexadecimal HMAC over the URL and the raw body: SHA-1, and SHA-256 beside it, which then alone counts.
SignalWire's own SDK falls back to a signature over the URL alone; a form with parameters that was
accepted so would be proven by nothing, so that is refused here.

Sources: signalwire-sdk 3.7.5, ``core/security/webhook_validator.py``; signalwire.com/docs, compatibility
API, recordings and webhook security.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.call import Announcement, Heard
from vault.domain.delivery import Delivery
from vault.domain.provider_access import Access, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import Invalid, NotAuthentic
from vault.ports.telephony import Credentials
from vault.telephony import laml, laml_rest
from vault.telephony.forms import Form
from vault.telephony.replies import rest_base
from vault.telephony.signatures_laml import Claim, as_bytes, raw_claim, url_claims, verify_claims

PREFIX = "/api/laml/2010-04-01"
#: Spaces, and where they keep media.
HOSTS = ("*.signalwire.com",)

FORMATS: Mapping[str, re.Pattern[str]] = {
    "signing_key": re.compile(r"[!-~]{1,256}"),
    "project_id": re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "api_token": re.compile(r"[!-~]{1,256}"),
    #: The first label of <space>.signalwire.com.
    "space": re.compile(r"[0-9a-z](?:[0-9a-z\-]{0,61}[0-9a-z])?"),
}


@dataclass(frozen=True, slots=True)
class SignalWire:
    """The provider ``signalwire``. It has no state."""

    name: str = "signalwire"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid unless there are exactly signing_key, project_id, api_token and space."""
        laml.check_credentials(credentials, FORMATS)

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the signing keys signed the delivery in one of the schemes."""
        keys = [as_bytes(entry.get("signing_key", "")) for entry in credentials]
        verify_claims(keys, _claims(delivery))

    def understand(self, delivery: Delivery) -> Heard | None:
        """Return what a form says; None for JSON of SWML and RELAY. Raises Invalid."""
        return None if laml.is_json(delivery) else laml.understand(laml.fields(delivery))

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return a request for WAV; Basic authentication to the connection's own space alone."""
        return _rest(access).media_request(announcement, is_own=lambda _url: False, hosts=HOSTS)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return the call that describes the recording; None without its id."""
        if announcement.source_ref is None:
            return None
        rest = _rest(access)
        return rest.request("GET", rest.recording(announcement.source_ref) + ".json")

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the URL of today. Raises FetchFailed, final if it was deleted."""
        return laml_rest.found(announcement, reply)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return the call that deletes the recording; 204 is the answer."""
        rest = _rest(access)
        return rest.request("DELETE", rest.recording(source_ref) + ".json")

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the copy at SignalWire would stay, and cost, until somebody deletes it."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return None: what is not there is answered with 404, not with success."""
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return the call that lists recordings made on the day of ``since`` or later."""
        rest = _rest(access)
        return rest.request("GET", rest.list_path(since, cursor))

    def listed(self, reply: RestReply) -> ListedPage:
        """Return the finished recordings of a page. Raises FetchFailed for an answer that is no list."""
        return laml_rest.listed(reply, prefix=PREFIX)

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in cXML or the dashboard, and what SignalWire does about retries and deletion."""
        return {
            "url": webhook_url,
            "method": "POST",
            "events": {
                "recordingStatusCallbackEvent": "in-progress completed absent",
                "statusCallbackEvent": "initiated ringing answered completed",
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
    if laml.is_json(delivery):
        return None
    try:
        return laml.fields(delivery)
    except Invalid:
        # Something else: a signature over the raw body may still prove it.
        return None


def _rest(access: Access) -> laml_rest.Rest:
    return laml_rest.Rest(
        origin=rest_base(access, f"https://{access.credentials.get('space', '')}.signalwire.com"),
        prefix=PREFIX,
        account=access.credentials.get("project_id", ""),
        password=access.credentials.get("api_token", ""),
    )
