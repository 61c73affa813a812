"""Telnyx Call Control, API v2: JSON events under an Ed25519 signature, media behind URLs of ten minutes.

A call here is one call leg, because recordings are made of legs and a session's other legs have other
parties. A conference's recording belongs to no leg: its call is the conference.

``recording_id`` is in most payloads and in none of the vendor's models. Where it is missing, the recording
is called after its leg and the moment its recording began, and is looked for in the list; then the provider's
copy cannot be deleted by the vault, and the list may later bring it in once more under its id.

The API's older version, without ``data``, is refused. Forms of TeXML applications are not understood.
Sources: developers.telnyx.com (callbacks, call recordings), the vendor's SDK 4.189.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from vault.domain.call import Announcement, CallFacts, Direction, Heard, Voice
from vault.domain.delivery import Delivery
from vault.domain.provider_access import Access, Listed, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import Credentials
from vault.telephony.fields import Json, check_fields, media, member, moment, number, ref, text
from vault.telephony.presigned import presigned
from vault.telephony.replies import reply_object, rest_base, rest_hosts
from vault.telephony.signatures_ed25519 import ed25519_key, verify_ed25519
from vault.telephony.strict_json import parse_object
from vault.telephony.timestamps import from_rfc3339

REST = "https://api.telnyx.com"
HOSTS = ("s3.amazonaws.com", "api.telnyx.com")
#: The recorder's buckets by name, in whatever region: S3's other way to write the same place.
BUCKET = re.compile(r"telephony-recorder-[a-z0-9-]{1,63}\.s3(?:\.[a-z0-9-]{1,32})?\.amazonaws\.com")

INITIATED, ANSWERED, HANGUP = "call.initiated", "call.answered", "call.hangup"
SAVED, CONFERENCE_SAVED = "call.recording.saved", "conference.recording.saved"
EVENTS = (INITIATED, ANSWERED, HANGUP, SAVED, CONFERENCE_SAVED)
DIRECTIONS: Mapping[str, Direction] = {"incoming": "inbound", "outgoing": "outbound"}

#: A recording's id at the REST interface; it holds no equals sign, which the other source_refs do.
RECORDING_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_:.-]{0,199}")
#: ``filter=value``: how a recording without an id is looked for.
FILTER = re.compile(r"(call_leg_id|call_session_id|conference_id)=(.{1,200})", re.DOTALL)
#: Lossless first. Where a bucket of the customer's own is used, the URL is not one of http.
FORMATS = ("wav", "mp3")
PAGE = 100
PATH = "data.payload."


@dataclass(frozen=True, slots=True)
class Telnyx:
    """The provider ``telnyx``. It has no state."""

    name: str = "telnyx"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid unless there are exactly ``public_key`` (base64 of 32 bytes) and ``api_key``."""
        check_fields(credentials, ("public_key", "api_key"))
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

    def understand(self, delivery: Delivery) -> Heard | None:
        """Return what the event says; None for events that do not concern the vault. Raises Invalid."""
        data = parse_object(delivery.body).get("data")
        if not isinstance(data, dict):
            raise Invalid("data is an object: the webhooks of API version 2 have one.", field="data")
        kind = data.get("event_type")
        if not isinstance(kind, str):
            raise Invalid("data.event_type names the event.", field="data.event_type")
        if kind not in EVENTS:
            return None
        payload, delivery_id = member(data, "payload", path="data."), ref(data, "id", path="data.")
        if kind not in (SAVED, CONFERENCE_SAVED):
            facts = _told(kind, payload, moment(data, "occurred_at", path="data."))
            return Heard(facts=facts, delivery_id=delivery_id)
        recording_id = ref(payload, "recording_id", path=PATH)
        announcement = _announcement(payload, PATH, recording_id, "recording_urls", delivery_id)
        return Heard(facts=_recorded(payload, PATH), announcement=announcement, delivery_id=delivery_id)

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return a plain request to Telnyx's hosts and buckets, without credentials."""
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
        """Return the announcement with a URL of now, and with the recording's id once it is known.

        Raises FetchFailed: final where the recording is gone, or lies where only its owner can fetch it.
        """
        data = reply_object(reply).get("data")
        try:
            if isinstance(data, list):
                data = _sought(announcement.recording_ref, data)
            recording = member({"data": data}, "data")
            recording_id, urls = ref(recording, "id"), member(recording, "download_urls")
            url = _url(recording, "download_urls", "")
        except Invalid:
            raise FetchFailed("The provider's answer is not a recording.") from None
        if recording_id is None or RECORDING_ID.fullmatch(recording_id) is None:
            raise FetchFailed("The provider's answer is not a recording.")
        if "=" not in (announcement.source_ref or "") and recording_id != announcement.source_ref:
            raise FetchFailed("The provider told of another recording.")
        if url is None:
            raise FetchFailed("The provider has no URL of the recording.", final=any(urls.values()))
        return replace(announcement, url=url, source_ref=recording_id)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return ``DELETE /v2/recordings/{id}``; None for a recording whose id was not said."""
        if RECORDING_ID.fullmatch(source_ref) is None:
            return None
        return _request("DELETE", f"/v2/recordings/{source_ref}", access)

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the vault's copy is to be the only one."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return None: the answer names what was deleted."""
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return a page of the recordings created since; the cursor is a page number."""
        created = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        query = {"filter[created_at][gte]": created, "page[number]": cursor or "1", "page[size]": str(PAGE)}
        return _request("GET", f"/v2/recordings?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Return what a page lists. Raises FetchFailed for an answer that is no list.

        A recording that cannot be read is passed over, so that it does not hide the others.
        """
        answer = reply_object(reply)
        recordings = answer.get("data")
        if not isinstance(recordings, list):
            raise FetchFailed("The provider's answer is not a list of recordings.")
        items: list[Listed] = []
        for recording in recordings:
            with suppress(Invalid):
                entry, path = member({"data": recording}, "data"), "data."
                if (named := ref(entry, "id", path=path)) and entry.get("status") in (None, "completed"):
                    found = _announcement(entry, path, named, "download_urls", None)
                    items.append(Listed(announcement=found, facts=_recorded(entry, path)))
        return ListedPage(items=items, cursor=_next_page(answer))

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in Mission Control, at the Voice API application."""
        return {
            "url": webhook_url,
            "webhook_api_version": "2",
            "events": list(EVENTS),
            "public_key": "Mission Control, Keys and Credentials, Public Key: it proves every delivery.",
            "retries": "Telnyx repeats what was not answered with 2xx; as failover URL enter the same one, or none.",
            "recording": (
                "Record with channels dual and format wav: each party is heard apart, and nothing is lost. "
                "Recordings that Telnyx puts into a bucket of your own are not fetched."
            ),
            "delete_at_source": (
                "On by default. Once the vault has read back its own copy it deletes Telnyx's for good. What "
                "was announced without a recording_id stays there, and so do records of the call itself."
            ),
        }


def _request(method: str, target: str, access: Access) -> RestRequest:
    base, key = rest_base(access, REST), access.credentials.get("api_key", "")
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    return RestRequest(method=method, url=base + target, headers=headers, hosts=rest_hosts(base))


def _told(kind: str, payload: Json, occurred_at: datetime | None) -> CallFacts:
    """Return what an event of a leg says. Only ``occurred_at`` says when it was answered or ended."""
    started_at, ended_at = (moment(payload, f"{word}_time", path=PATH) for word in ("start", "end"))
    if (leg := ref(payload, "call_leg_id", path=PATH)) is None:
        raise Invalid(f"{PATH}call_leg_id is required.", field=f"{PATH}call_leg_id")
    return CallFacts(
        call_ref=leg,
        direction=_direction(payload, PATH),
        caller=number(payload, "from", path=PATH),
        callee=number(payload, "to", path=PATH),
        started_at=started_at or (occurred_at if kind == INITIATED else None),
        answered_at=occurred_at if kind == ANSWERED else None,
        ended_at=(ended_at or occurred_at) if kind == HANGUP else None,
    )


def _recorded(recording: Json, path: str) -> CallFacts:
    """Return what is said of a recording's call. Its times are the recording's; events of calls know better."""
    started_at, ended_at = (moment(recording, f"{word}_time", path=path) for word in ("start", "end"))
    return CallFacts(
        call_ref=_call(recording, path)[1],
        direction=_direction(recording, path),
        caller=number(recording, "from", path=path),
        callee=number(recording, "to", path=path),
        started_at=started_at or moment(recording, "recording_started_at", path=path),
        ended_at=ended_at or moment(recording, "recording_ended_at", path=path),
    )


def _call(recording: Json, path: str) -> tuple[str, str]:
    """Return which id names the recording's call, and the id."""
    names = ["call_leg_id", "conference_id", "call_session_id"]
    if recording.get("source") == "conference":
        # The list names a leg of a conference too; the event does not.
        names.sort(key=lambda name: name != "conference_id")
    for name in names:
        if (value := ref(recording, name, path=path)) is not None:
            return name, value
    raise Invalid(f"{path}call_leg_id is required.", field=f"{path}call_leg_id")


def _direction(payload: Json, path: str) -> Direction | None:
    word = text(payload, "direction", path=path)
    if word is not None and word not in DIRECTIONS:
        raise Invalid(f"{path}direction is incoming or outgoing.", field=f"{path}direction")
    return None if word is None else DIRECTIONS[word]


def _announcement(
    recording: Json, path: str, recording_id: str | None, urls: str, delivery_id: str | None
) -> Announcement:
    """Return the recording under its id, or under its call and its beginning where it has none."""
    if recording_id is not None and RECORDING_ID.fullmatch(recording_id) is None:
        raise Invalid(f"{path}recording_id is an id.", field=f"{path}recording_id")
    (name, call), started_at = _call(recording, path), moment(recording, "recording_started_at", path=path)
    when = delivery_id if started_at is None else started_at.isoformat()
    if recording_id is None and when is None:
        raise Invalid(f"{path}recording_id is required.", field=f"{path}recording_id")
    return Announcement(
        recording_ref=recording_id or f"{call}/{when}",
        url=_url(recording, urls, path),
        source_ref=recording_id or f"{name}={call}",
        voices=_voices(text(recording, "channels", path=path), _direction(recording, path)),
    )


def _voices(channels: str | None, direction: Direction | None) -> tuple[Voice, ...]:
    """Return who is heard: the first leg is on channel A, and only a call that came in began with its caller."""
    if channels == "dual":
        return ("caller", "callee") if direction == "inbound" else ("unknown", "unknown")
    return ("all",) if channels == "single" else ()


def _url(recording: Json, key: str, path: str) -> str | None:
    urls = member(recording, key, path=path)
    for name in FORMATS:
        written = text(urls, name, path=f"{path}{key}.") or ""
        if written.lower().startswith(("https:", "http:")):
            return media(urls, name, path=f"{path}{key}.")
    return None


def _sought(recording_ref: str, recordings: Sequence[object]) -> object:
    """Return the one of a call's recordings that began when the announced one did. Raises FetchFailed."""
    listed = [member({"data": each}, "data") for each in recordings]
    try:
        began = from_rfc3339(recording_ref.rpartition("/")[2], field="recording_ref")
    except Invalid:
        fitting = listed
    else:
        # The list rounds what the event says to the microsecond.
        times = [(moment(each, "recording_started_at"), each) for each in listed]
        fitting = [each for at, each in times if at is not None and abs(at - began) <= timedelta(seconds=1)]
    if len(fitting) != 1:
        raise FetchFailed("The provider's list does not have this one recording.")
    return fitting[0]


def _next_page(answer: Json) -> str | None:
    """Return the number of the next page. Raises FetchFailed where the answer does not count its pages."""
    meta = answer.get("meta")
    page, pages = (
        (meta.get("page_number"), meta.get("total_pages")) if isinstance(meta, dict) else (None, None)
    )
    if not isinstance(page, int) or not isinstance(pages, int):
        raise FetchFailed("The provider's answer does not say how many pages there are.")
    return str(page + 1) if page < pages else None
