"""What Plivo's callbacks, requests for documents and lists say of calls and recordings.

Parts of the vendor's documentation and examples name a field in different ways (``RecordUrl``,
``RecordingUrl``, ``record_url``), so each is read under any of its names. The signature does not say where a
repeated parameter stood, so a field that says two things is refused. The ``action`` of a session recording comes
as soon as recording begins, with a duration of -1; that announces nothing yet.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, WebhookContent
from vault.domain.calls.call_document import CallStep
from vault.domain.calls.provider_api import Listed
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid
from vault.telephony.parsing.dtmf import pressed
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.parsing.json_fields import media, ref
from vault.telephony.parsing.phone_number import from_digits
from vault.telephony.parsing.timestamps import from_milliseconds, from_spaced

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


def heard(delivery: Delivery, delivery_id: str | None) -> WebhookContent | None:
    """Return what a callback says; None where it tells of no call and no recording. Raises Invalid."""
    said = _said(delivery)
    begun = _has_only_begun(said)
    announcement = None if begun or _one(said, URL) is None else _announcement(said)
    call_ref = _ref(said, CALL) or _ref(said, CONFERENCE)
    if call_ref is None:
        if announcement is None:
            return None
        raise Invalid(f"{CALL[0]} is required.", field=CALL[0])
    facts = _facts(said, call_ref) if begun else _recorded(said, _facts(said, call_ref))
    return WebhookContent(facts=facts, announcement=announcement, delivery_id=delivery_id)


def asked(delivery: Delivery) -> CallStep:
    """Return what a request for a document says: the call, and the key where one was pressed. Raises Invalid."""
    said = _said(delivery)
    call_ref = _ref(said, CALL)
    if call_ref is None:
        raise Invalid(f"{CALL[0]} is required.", field=CALL[0])
    return CallStep(facts=_facts(said, call_ref), key=pressed(_one(said, ("Digits",)), field="Digits"))


def listed_recording(one: object) -> Listed | None:
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
