"""Telnyx Call Control, API v2: JSON events with an Ed25519 signature, media URLs that expire after ten minutes.

A call here is one call leg, because a recording belongs to a leg and the session's other legs have other
parties. A conference's recording belongs to no leg: its call is the conference.

``recording_id`` is in most payloads but in none of the vendor's models. If it is missing, the recording's id is made
of its leg and its start time, and the recording is searched in the list. The vault then cannot delete the provider's
copy, and the list may later deliver the recording a second time under its own id.

API v1, without ``data``, is refused. TeXML applications send forms (``texml``), in which the call's id is
its CallSid, the ``call_control_id``. The list of recordings contains the leg's id instead: the evidence of a
TeXML call is not found for a recording that only the list reports.

Sources: developers.telnyx.com (callbacks, call recordings), the vendor's SDK 4.189.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import (
    Access,
    Delivery,
    Listed,
    ListedPage,
    MediaRequest,
    RestReply,
    RestRequest,
)
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CallDocuments, CredentialField, Credentials, Provider
from vault.rfc3339 import write_rfc3339
from vault.telephony.parsing.json_fields import Json, member, moment, ref, text
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.providers.telnyx import texml
from vault.telephony.providers.telnyx.events import (
    ANSWERED,
    HANGUP,
    INITIATED,
    PATH,
    RECORDING_ID,
    find_recording,
    media_url,
    parse_announcement,
    parse_call_event,
    parse_recording_facts,
)
from vault.telephony.rest_api.media_requests import presigned
from vault.telephony.rest_api.replies import reply_object, rest_base, rest_hosts
from vault.telephony.signatures.ed25519 import ed25519_key, verify_ed25519
from vault.telephony.twilio_api import events

REST = "https://api.telnyx.com"
HOSTS = ("s3.amazonaws.com", "api.telnyx.com")
#: A call_control_id, which commands name; a TeXML call has it as its CallSid.
CONTROL_ID = re.compile(r"v[0-9]:[0-9A-Za-z_-]{1,190}", re.ASCII)
#: Telnyx's buckets as virtual-hosted S3 URLs, in any region.
BUCKET = re.compile(r"telephony-recorder-[a-z0-9-]{1,63}\.s3(?:\.[a-z0-9-]{1,32})?\.amazonaws\.com")

SAVED, CONFERENCE_SAVED = "call.recording.saved", "conference.recording.saved"
EVENTS = (INITIATED, ANSWERED, HANGUP, SAVED, CONFERENCE_SAVED)
#: ``filter=value``: the list filter for a recording without an id.
FILTER = re.compile(r"(call_leg_id|call_session_id|conference_id)=(.{1,200})", re.DOTALL)
PAGE = 100
CREDENTIALS = (
    CredentialField(
        name="public_key",
        label="Public key",
        hint="In Mission Control under Keys & Credentials, Public Key: 44 characters.",
        pattern=re.compile(r"[!-~]{1,500}"),
        is_secret=False,
    ),
    CredentialField(
        name="api_key",
        label="API key",
        hint="In Mission Control under Keys & Credentials, API Keys.",
        pattern=re.compile(r"[!-~]{1,500}"),
        is_secret=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Telnyx(Provider):
    """The provider ``telnyx``. It has no state."""

    name: str = "telnyx"
    title: str = "Telnyx"
    credential_fields: Sequence[CredentialField] = CREDENTIALS

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, also for a key that is not the base64 of 32 bytes."""
        Provider.check_credentials(self, credentials)
        ed25519_key(credentials["public_key"])

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the keys signed timestamp and body within five minutes."""
        verify_ed25519(
            [entry.get("public_key", "") for entry in credentials],
            timestamp=delivery.headers.get("telnyx-timestamp", ""),
            signature=delivery.headers.get("telnyx-signature-ed25519", ""),
            body=delivery.body,
            received_at=delivery.received_at,
        )

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Parse the event; None for events that the vault does not use. Raises Invalid."""
        if texml.is_form(delivery):
            return events.understand(events.fields(delivery), refs=texml.REFS)
        data = parse_object(delivery.body).get("data")
        if not isinstance(data, dict):
            raise Invalid("data must be an object: set webhook_api_version to 2 at Telnyx.", field="data")
        kind = data.get("event_type")
        if not isinstance(kind, str):
            raise Invalid("data.event_type must be a string: the event's type.", field="data.event_type")
        if kind not in EVENTS:
            return None
        payload, delivery_id = member(data, "payload", path="data."), ref(data, "id", path="data.")
        if kind not in (SAVED, CONFERENCE_SAVED):
            facts = parse_call_event(kind, payload, moment(data, "occurred_at", path="data."))
            return WebhookContent(facts=facts, delivery_id=delivery_id)
        recording_id = ref(payload, "recording_id", path=PATH)
        announcement = parse_announcement(payload, PATH, recording_id, "recording_urls", delivery_id)
        return WebhookContent(
            facts=parse_recording_facts(payload, PATH), announcement=announcement, delivery_id=delivery_id
        )

    def event_name(self, delivery: Delivery) -> str | None:
        """Return ``event_type``; for a form of TeXML, its status."""
        if texml.is_form(delivery):
            return events.event_name(events.fields(delivery))
        data = parse_object(delivery.body).get("data")
        return text(data, "event_type", path="data.") if isinstance(data, dict) else None

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Build a request to Telnyx's hosts and buckets, without credentials."""
        return presigned(announcement, access, hosts=HOSTS, bucket=BUCKET)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return ``GET /v2/recordings/{id}``, or the list filtered by leg, session or conference."""
        source = announcement.source_ref or ""
        if (match := FILTER.fullmatch(source)) is not None:
            query = {f"filter[{match[1]}]": match[2], "page[number]": "1", "page[size]": str(PAGE)}
            return _request("GET", f"/v2/recordings?{urlencode(query)}", access)
        if RECORDING_ID.fullmatch(source) is None:
            return None
        return _request("GET", f"/v2/recordings/{source}", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with a new URL, and with the recording's id if it was missing.

        Raises FetchFailed: final if the recording was deleted, or is in the customer's own bucket.
        """
        data = reply_object(reply).get("data")
        try:
            if isinstance(data, list):
                data = find_recording(announcement.recording_ref, data)
            recording = member({"data": data}, "data")
            recording_id, urls = ref(recording, "id"), member(recording, "download_urls")
            url = media_url(recording, "download_urls", "")
        except Invalid:
            raise FetchFailed("The provider's response is not a recording.") from None
        if recording_id is None or RECORDING_ID.fullmatch(recording_id) is None:
            raise FetchFailed("The provider's response is not a recording.")
        if "=" not in (announcement.source_ref or "") and recording_id != announcement.source_ref:
            raise FetchFailed("The provider's response is about another recording.")
        if url is None:
            raise FetchFailed("The provider has no URL of the recording.", final=any(urls.values()))
        return replace(announcement, url=url, source_ref=recording_id)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return ``DELETE /v2/recordings/{id}``, which returns the deleted recording; None without an id."""
        if RECORDING_ID.fullmatch(source_ref) is None:
            return None
        return _request("DELETE", f"/v2/recordings/{source_ref}", access)

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the vault's copy should be the only one."""
        return True

    @property
    def resends_refused(self) -> bool:
        """Return True: it retries unless it gets a 2xx, and the vault reconciles with its list."""
        return True

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Build the request for a page of recordings created since; the cursor is a page number."""
        created = write_rfc3339(since)
        query = {"filter[created_at][gte]": created, "page[number]": cursor or "1", "page[size]": str(PAGE)}
        return _request("GET", f"/v2/recordings?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Parse a page of recordings. Raises FetchFailed if the response is not a list.

        An invalid recording is skipped, so that it does not hide the others.
        """
        answer = reply_object(reply)
        recordings = answer.get("data")
        if not isinstance(recordings, list):
            raise FetchFailed("The provider's response is not a list of recordings.")
        items: list[Listed] = []
        for recording in recordings:
            with suppress(Invalid):
                entry, path = member({"data": recording}, "data"), "data."
                if (named := ref(entry, "id", path=path)) and entry.get("status") in (None, "completed"):
                    found = parse_announcement(entry, path, named, "download_urls", None)
                    items.append(Listed(announcement=found, facts=parse_recording_facts(entry, path)))
        return ListedPage(items=items, cursor=_next_page(answer))

    @property
    def call_documents(self) -> CallDocuments:
        """Return the reader and writer of TeXML, for TeXML applications."""
        return texml.FLOW

    def pause_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``record_pause`` of a TeXML call; None for a leg's id, of which Telnyx takes no command."""
        return _command("record_pause", call_ref, access)

    def resume_request(self, call_ref: str, access: Access) -> RestRequest | None:
        """Return ``record_resume``, as above."""
        return _command("record_resume", call_ref, access)

    def pause_state(self, reply: RestReply, *, paused: bool) -> bool:  # noqa: ARG002 - the answer is the same
        """Return whether Telnyx took the command: ``{"data": {"result": "ok"}}``. It says no state."""
        try:
            return member(reply_object(reply), "data").get("result") == "ok"
        except (FetchFailed, Invalid):
            return False

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return the values for the Voice API application in Mission Control."""
        return {
            "url": webhook_url,
            "webhook_api_version": "2",
            "events": list(EVENTS),
            "call_start": {
                "url": f"{webhook_url}/call",
                "method": "POST",
                "enter_at": (
                    "The webhook URL of a TeXML application, voice method POST: Telnyx does not sign a query, and "
                    "uses the same method for all documents. The vault responds with TeXML that plays the "
                    "notices, starts the recording if allowed, and continues at the connection's next_url. A Voice "
                    "API application requests no documents. As the application's URL for call progress events enter "
                    "the url above. A notice in a language that Telnyx does not support needs an audio file."
                ),
            },
            "public_key": "Mission Control, Keys and Credentials, Public Key: it authenticates the webhooks.",
            "retries": "Telnyx retries unless it gets a 2xx; as failover URL enter the same one, or none.",
            "recording": (
                "Record with channels dual and format wav: each party has its own channel, without loss of quality. "
                "Recordings that Telnyx stores in your own bucket are not fetched."
            ),
            "delete_at_source": (
                "On by default. After the vault has verified its own copy it deletes Telnyx's permanently. Recordings "
                "announced without a recording_id stay there, and so do records of the call itself."
            ),
        }


def _request(method: str, target: str, access: Access) -> RestRequest:
    base, key = rest_base(access, REST), access.credentials.get("api_key", "")
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    return RestRequest(method=method, url=base + target, headers=headers, hosts=rest_hosts(base))


def _command(name: str, call_ref: str, access: Access) -> RestRequest | None:
    if CONTROL_ID.fullmatch(call_ref) is None:
        return None
    request = _request("POST", f"/v2/calls/{call_ref}/actions/{name}", access)
    headers = {**request.headers, "Content-Type": "application/json"}
    return replace(request, headers=headers, body=b"{}")


def _next_page(answer: Json) -> str | None:
    """Return the number of the next page. Raises FetchFailed if the response has no page numbers."""
    meta = answer.get("meta")
    page, pages = (
        (meta.get("page_number"), meta.get("total_pages")) if isinstance(meta, dict) else (None, None)
    )
    if not isinstance(page, int) or not isinstance(pages, int):
        raise FetchFailed("The provider's response does not contain the number of pages.")
    return str(page + 1) if page < pages else None
