"""Plivo: signed forms, recordings that stay until they are deleted, and a list of them.

A callback has no type: it announces a recording when it names one. The ``action`` of a session recording
comes as soon as recording begins, with a duration of -1; that announces nothing yet. Parts of the vendor's
documentation and examples name a field in different ways (``RecordUrl``, ``RecordingUrl``, ``record_url``),
so each is read under any of its names. The signature does not say where a repeated parameter stood, so a
field that says two things is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from vault.domain.call import Announcement, CallFacts, Direction, Heard
from vault.domain.delivery import Delivery
from vault.domain.provider_access import Access, Listed, ListedPage, MediaRequest, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import Credentials
from vault.telephony.fields import Json, media, ref
from vault.telephony.forms import Form, parse_form, parse_query
from vault.telephony.numbers import from_digits
from vault.telephony.own_hosts import own_hosts, takes_credentials
from vault.telephony.replies import basic, reply_object, rest_base, rest_hosts
from vault.telephony.signatures_plivo import NONCE, NONCE_HEADER, verify_plivo
from vault.telephony.timestamps import from_milliseconds, from_spaced

REST = "https://api.plivo.com"
HOSTS = ("*.plivo.com",)
#: Older recordings lie in buckets of Plivo's at Amazon, open to who knows the URL.
MEDIA_HOSTS = (*HOSTS, "s3.amazonaws.com", "*.s3.amazonaws.com")

FIELDS: Mapping[str, re.Pattern[str]] = {
    "auth_id": re.compile(r"[0-9A-Za-z_-]{1,64}"),
    "auth_token": re.compile(r"[!-~]{1,512}"),
}
#: The most that Plivo lists at once.
PAGE = 20
DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}

#: Names of one field, the first of which is named in errors.
URL = ("RecordUrl", "RecordingUrl", "record_url", "recording_url")
RECORDING = ("RecordingID", "RecordingId", "recording_id")
CALL = ("CallUUID", "call_uuid")
CONFERENCE = ("ConferenceUUID", "conference_uuid")
DURATIONS = (("RecordingDuration", "recording_duration"), ("RecordingDurationMs", "recording_duration_ms"))
START = ("RecordingStartMs", "recording_start_ms")
END = ("RecordingEndMs", "recording_end_ms")
FROM, TO = ("From", "from", "from_number"), ("To", "to", "to_number")
NUMBER = re.compile(r"(-?)[0-9]{1,15}(?:\.[0-9]{1,9})?")

#: How a point in time is read: text, and the name of its field.
Reader = Callable[[str, str], datetime]


@dataclass(frozen=True, slots=True)
class Plivo:
    """The provider ``plivo``. It has no state."""

    name: str = "plivo"

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid, naming the field, unless these are exactly an ``auth_id`` and an ``auth_token``."""
        if set(credentials) - set(FIELDS):
            raise Invalid(f"Plivo's credentials are {' and '.join(FIELDS)}.", field="credentials")
        for field, pattern in FIELDS.items():
            if pattern.fullmatch(credentials.get(field, "")) is None:
                raise Invalid(f"Plivo's credentials need an {field} as the console shows it.", field=field)

    def authenticate(self, delivery: Delivery, credentials: Sequence[Credentials]) -> None:
        """Raise NotAuthentic unless one of the tokens made a signature of version 3."""
        verify_plivo([entry.get("auth_token", "") for entry in credentials], delivery)

    def understand(self, delivery: Delivery) -> Heard | None:
        """Return what the callback says; None where it tells of no call and no recording. Raises Invalid."""
        said = _said(delivery)
        nonce = delivery.headers.get(NONCE_HEADER, "")
        delivery_id = nonce if NONCE.fullmatch(nonce) else None
        url, begun = _one(said, URL), _has_only_begun(said)
        announcement = None if url is None or begun else _announcement(said)
        call_ref = _ref(said, CALL) or _ref(said, CONFERENCE)
        if call_ref is None:
            if announcement is None:
                return None
            raise Invalid(f"{CALL[0]} is required.", field=CALL[0])
        facts = _facts(said, call_ref) if begun else _recorded(said, _facts(said, call_ref))
        return Heard(facts=facts, announcement=announcement, delivery_id=delivery_id)

    def media_request(self, announcement: Announcement, access: Access) -> MediaRequest:
        """Return the request, by https, with the account's name and token where the host is Plivo's."""
        if announcement.url is None:
            raise FetchFailed("The announcement has no URL.", final=True)
        url, hosts = announcement.url, own_hosts(MEDIA_HOSTS, access)
        if url.startswith("http://s3.amazonaws.com/"):
            # How old accounts are told of their recordings; the bucket speaks https too.
            url = f"https{url.removeprefix('http')}"
        headers = _credentials(access) if takes_credentials(url, HOSTS, access) else {}
        return MediaRequest(url=url, headers=headers, hosts=hosts)

    def find_request(self, announcement: Announcement, access: Access) -> RestRequest | None:
        """Return the call that describes one recording."""
        source_ref = announcement.source_ref
        return None if source_ref is None else _rest("GET", f"{quote(source_ref, safe='')}/", access)

    def found(self, announcement: Announcement, reply: RestReply) -> Announcement:
        """Return the announcement with the URL that Plivo names now. Raises FetchFailed, final where gone."""
        try:
            url = media(reply_object(reply), "recording_url")
        except Invalid:
            url = None
        if url is None:
            raise FetchFailed("The provider's answer names no URL.")
        return replace(announcement, url=url)

    def delete_request(self, source_ref: str, access: Access) -> RestRequest | None:
        """Return the deletion of one recording; Plivo answers 204."""
        return _rest("DELETE", f"{quote(source_ref, safe='')}/", access)

    @property
    def deletes_by_default(self) -> bool:
        """Return True: the deletion is documented, and Plivo keeps (and after 90 days bills) what is not deleted."""
        return True

    @property
    def delete_again_after(self) -> timedelta | None:
        """Return None: success means that it is deleted."""
        return None

    def list_request(self, since: datetime, cursor: str | None, access: Access) -> RestRequest | None:
        """Return the call for a page of recordings added since; the cursor is an offset."""
        query = {
            "add_time__gte": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "limit": PAGE,
            "offset": cursor or "0",
        }
        return _rest("GET", f"?{urlencode(query)}", access)

    def listed(self, reply: RestReply) -> ListedPage:
        """Return a page of Plivo's list. Raises FetchFailed for an answer that is no list."""
        page = reply_object(reply)
        objects = page.get("objects")
        if not isinstance(objects, list):
            raise FetchFailed("The provider's answer is no list of recordings.")
        items = [_listed(one) for one in objects]
        return ListedPage(items=[item for item in items if item is not None], cursor=_next_offset(page))

    def setup(self, webhook_url: str) -> Mapping[str, object]:
        """Return what to enter in the application and in Record elements."""
        return {
            "url": f"{webhook_url}#rc=5&rp=all",
            "method": "POST",
            "events": [
                "callbackUrl of every Record element or Record API call",
                "hangup_url of the application",
            ],
            "signature": "Version 3 (X-Plivo-Signature-V3 and -Ma-V3). Version 2 is not accepted.",
            "retries": (
                "The end of the URL, #rc=5&rp=all, makes Plivo repeat a callback five times after every failure; "
                "by default it repeats once, and never after a 5xx. Enter the URL with it."
            ),
            "recording": 'Set maxLength on <Record>: by default Plivo stops after 60 seconds. fileFormat="wav".',
            "delete_at_source": (
                "On by default. Plivo keeps recordings until they are deleted, and bills them after 90 days. The "
                "vault deletes its account's copy once it has read back its own; Plivo says nothing of backups."
            ),
        }


def _said(delivery: Delivery) -> Form:
    if delivery.method != "GET":
        return parse_form(delivery.body)
    try:
        return parse_query(urlsplit(delivery.url).query)
    except ValueError:
        raise Invalid("The query cannot be read.", field="query") from None


def _one(said: Form, names: Sequence[str]) -> str | None:
    """Return what a field says under any of its names; None for nothing and blanks. Raises Invalid for two things."""
    values = {value for name, value in said if name in names and value and not value.isspace()}
    if len(values) > 1:
        raise Invalid(f"{names[0]} says two things.", field=names[0])
    return values.pop() if values else None


def _ref(said: Form, names: Sequence[str]) -> str | None:
    return ref({names[0]: _one(said, names)}, names[0])


def _has_only_begun(said: Form) -> bool:
    """Say whether the recording is still going on: its duration is -1. Raises Invalid for what is no number."""
    begun = False
    for names in DURATIONS:
        written = _one(said, names)
        match = None if written is None else NUMBER.fullmatch(written)
        if written is not None and match is None:
            raise Invalid(f"{names[0]} is a number.", field=names[0])
        begun |= match is not None and match[1] == "-"
    return begun


def _announcement(said: Form) -> Announcement:
    recording_ref = _ref(said, RECORDING)
    if recording_ref is None:
        raise Invalid(f"{RECORDING[0]} is required.", field=RECORDING[0])
    url = media({URL[0]: _one(said, URL)}, URL[0])
    return Announcement(recording_ref=recording_ref, url=url, source_ref=recording_ref)


def _facts(said: Form, call_ref: str) -> CallFacts:
    told = _one(said, ("Direction",))
    if told is not None and told not in DIRECTIONS:
        raise Invalid("Direction is inbound or outbound.", field="Direction")
    return CallFacts(
        call_ref=call_ref,
        direction=None if told is None else DIRECTIONS[told],
        caller=_number(_one(said, FROM)),
        callee=_number(_one(said, TO)),
        started_at=_moment(said, ("StartTime",), _spaced),
        answered_at=_moment(said, ("AnswerTime",), _spaced),
        ended_at=_moment(said, ("EndTime",), _spaced),
    )


def _recorded(said: Form, facts: CallFacts) -> CallFacts:
    """Return the facts with the times of the recording, where the call's own are not told."""
    start, end = _moment(said, START, _milliseconds), _moment(said, END, _milliseconds)
    return replace(facts, started_at=facts.started_at or start, ended_at=facts.ended_at or end)


def _moment(said: Form, names: Sequence[str], read: Reader) -> datetime | None:
    """Return a point in time; None where it is not told, or not known yet: 0 or -1."""
    written = _one(said, names)
    if written is None or written.partition(".")[0] in ("0", "-1"):
        return None
    return read(written, names[0])


def _milliseconds(written: str, field: str) -> datetime:
    return from_milliseconds(written, field=field)


def _spaced(written: str, field: str) -> datetime:
    return from_spaced(written, field=field)


def _number(written: str | None) -> str | None:
    return None if written is None else from_digits(written) or None


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


def _listed(one: object) -> Listed | None:
    """Return a recording of the list; None for one without a name, which cannot be fetched or recognised."""
    if not isinstance(one, dict):
        return None
    said = Form(
        tuple((name, str(value)) for name, value in one.items() if isinstance(value, str | int | float))
    )
    try:
        recording_ref = _ref(said, RECORDING)
        if recording_ref is None:
            return None
        call_ref = _ref(said, CALL) or _ref(said, CONFERENCE) or recording_ref
        facts = _recorded(
            said,
            CallFacts(call_ref=call_ref, caller=_number(_one(said, FROM)), callee=_number(_one(said, TO))),
        )
        if facts.ended_at is None:
            # A recording is added when it ends.
            facts = replace(facts, ended_at=_moment(said, ("add_time",), _spaced))
        return Listed(announcement=_announcement(said), facts=facts)
    except Invalid:
        return None


def _next_offset(page: Json) -> str | None:
    """Return the offset of the next page; None at the end. Raises FetchFailed where it cannot be read."""
    meta = page.get("meta")
    following = meta.get("next") if isinstance(meta, dict) else None
    if following is None:
        return None
    try:
        offset = parse_query(urlsplit(str(following)).query).first("offset")
    except (Invalid, ValueError):
        offset = None
    if offset is None or re.fullmatch("[1-9][0-9]{0,8}", offset) is None:
        raise FetchFailed("The provider's list does not say where it goes on.")
    return offset
