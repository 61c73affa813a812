"""Parses Plivo's callbacks, requests for documents, and lists of recordings.

The vendor's documentation and examples use several names for a field (``RecordUrl``, ``RecordingUrl``,
``record_url``), so each name is accepted. The signature does not fix the order of repeated parameters, so a field
with two different values is refused. The ``action`` callback of a session recording arrives when the recording
starts, with a duration of -1; it announces nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, WebhookContent
from vault.domain.calls.call_document import CallStep
from vault.domain.calls.provider_api import Delivery, Listed
from vault.errors import Invalid
from vault.telephony.call_documents import parse_key
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.parsing.json_fields import media, ref
from vault.telephony.parsing.phone_number import from_digits
from vault.telephony.parsing.timestamps import from_milliseconds, from_spaced

DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
#: The names of each field; errors use the first.
URL = ("RecordUrl", "RecordingUrl", "record_url", "recording_url")
RECORDING = ("RecordingID", "RecordingId", "recording_id")
CALL = ("CallUUID", "call_uuid")
CONFERENCE = ("ConferenceUUID", "conference_uuid")
DURATIONS = (("RecordingDuration", "recording_duration"), ("RecordingDurationMs", "recording_duration_ms"))
START = ("RecordingStartMs", "recording_start_ms")
END = ("RecordingEndMs", "recording_end_ms")
FROM, TO = ("From", "from", "from_number"), ("To", "to", "to_number")
#: The number that a ``<Dial>`` called.
DIALLED = ("DialBLegTo",)
STATUS = ("CallStatus", "call_status")
NUMBER = re.compile(r"(-?)[0-9]{1,15}(?:\.[0-9]{1,9})?")

#: A timestamp parser: takes the text and the field's name.
Reader = Callable[[str, str], datetime]


def parse_callback(delivery: Delivery, delivery_id: str | None) -> WebhookContent | None:
    """Parse a callback; None if it is not about a call or a recording. Raises Invalid."""
    form = _fields(delivery)
    in_progress = _is_in_progress(form)
    announcement = None if in_progress or _field(form, URL) is None else _announcement(form)
    call_ref = _ref(form, CALL) or _ref(form, CONFERENCE)
    if call_ref is None:
        if announcement is None:
            return None
        raise Invalid(f"{CALL[0]} is required.", field=CALL[0])
    facts = _facts(form, call_ref) if in_progress else _with_recording_times(form, _facts(form, call_ref))
    dialled = _number(_field(form, DIALLED))
    legs = () if dialled is None else (CallFacts(call_ref=call_ref, callee=dialled),)
    return WebhookContent(facts=facts, announcement=announcement, delivery_id=delivery_id, legs=legs)


def callback_name(delivery: Delivery) -> str | None:
    """Return what Plivo calls the event of a callback; None if it does not say. Raises Invalid."""
    form = _fields(delivery)
    status = _field(form, STATUS)
    return _field(form, ("Event",)) or (None if status is None else f"{STATUS[0]} {status}")


def parse_document_request(delivery: Delivery) -> CallStep:
    """Parse a request for a document: the call, and the pressed key, if any. Raises Invalid."""
    form = _fields(delivery)
    call_ref = _ref(form, CALL)
    if call_ref is None:
        raise Invalid(f"{CALL[0]} is required.", field=CALL[0])
    return CallStep(facts=_facts(form, call_ref), key=parse_key(_field(form, ("Digits",)), field="Digits"))


def listed_recording(one: object) -> Listed | None:
    """Parse a recording of the list; None if it is invalid or has no id."""
    if not isinstance(one, dict):
        return None
    form = Form(
        tuple((name, str(value)) for name, value in one.items() if isinstance(value, str | int | float))
    )
    try:
        recording_ref = _ref(form, RECORDING)
        if recording_ref is None:
            return None
        call_ref = _ref(form, CALL) or _ref(form, CONFERENCE) or recording_ref
        facts = _with_recording_times(
            form,
            CallFacts(
                call_ref=call_ref, caller=_number(_field(form, FROM)), callee=_number(_field(form, TO))
            ),
        )
        if facts.ended_at is None:
            # add_time is the end of the recording.
            facts = replace(facts, ended_at=_moment(form, ("add_time",), _spaced))
        return Listed(announcement=_announcement(form), facts=facts)
    except Invalid:
        return None


def _fields(delivery: Delivery) -> Form:
    if delivery.method != "GET":
        return parse_form(delivery.body)
    try:
        return parse_query(urlsplit(delivery.url).query)
    except ValueError:
        raise Invalid("The query is invalid: the URL cannot be parsed.", field="query") from None


def _field(form: Form, names: Sequence[str]) -> str | None:
    """Return a field by any of its names; None if absent or blank. Raises Invalid for two different values."""
    values = {value for name, value in form if name in names and value and not value.isspace()}
    if len(values) > 1:
        raise Invalid(f"{names[0]} must not have two different values.", field=names[0])
    return values.pop() if values else None


def _ref(form: Form, names: Sequence[str]) -> str | None:
    return ref({names[0]: _field(form, names)}, names[0])


def _is_in_progress(form: Form) -> bool:
    """Tell whether the recording has not ended: its duration is -1. Raises Invalid if it is not a number."""
    in_progress = False
    for names in DURATIONS:
        written = _field(form, names)
        match = None if written is None else NUMBER.fullmatch(written)
        if written is not None and match is None:
            raise Invalid(f"{names[0]} must be a number.", field=names[0])
        in_progress |= match is not None and match[1] == "-"
    return in_progress


def _announcement(form: Form) -> Announcement:
    recording_ref = _ref(form, RECORDING)
    if recording_ref is None:
        raise Invalid(f"{RECORDING[0]} is required.", field=RECORDING[0])
    url = media({URL[0]: _field(form, URL)}, URL[0])
    return Announcement(recording_ref=recording_ref, url=url, source_ref=recording_ref)


def _facts(form: Form, call_ref: str) -> CallFacts:
    direction = _field(form, ("Direction",))
    if direction is not None and direction not in DIRECTIONS:
        raise Invalid("Direction must be inbound or outbound.", field="Direction")
    return CallFacts(
        call_ref=call_ref,
        direction=None if direction is None else DIRECTIONS[direction],
        caller=_number(_field(form, FROM)),
        callee=_number(_field(form, TO)),
        started_at=_moment(form, ("StartTime",), _spaced),
        answered_at=_moment(form, ("AnswerTime",), _spaced),
        ended_at=_moment(form, ("EndTime",), _spaced),
    )


def _with_recording_times(form: Form, facts: CallFacts) -> CallFacts:
    """Fill in the start and end of the recording where the call's own are missing."""
    start, end = _moment(form, START, _milliseconds), _moment(form, END, _milliseconds)
    return replace(facts, started_at=facts.started_at or start, ended_at=facts.ended_at or end)


def _moment(form: Form, names: Sequence[str], read: Reader) -> datetime | None:
    """Parse a point in time; None if it is absent or not known yet (0 or -1)."""
    written = _field(form, names)
    if written is None or written.partition(".")[0] in ("0", "-1"):
        return None
    return read(written, names[0])


def _milliseconds(written: str, field: str) -> datetime:
    return from_milliseconds(written, field=field)


def _spaced(written: str, field: str) -> datetime:
    return from_spaced(written, field=field)


def _number(written: str | None) -> str | None:
    return None if written is None else from_digits(written) or None
