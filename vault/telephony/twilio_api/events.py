"""The webhooks of Twilio's API (version 2010-04-01), which SignalWire and Telnyx also send.

No field names the event type; its fields determine it. ``RecordingStatus`` makes it a recording's status,
``RecordingUrl`` without it the end of ``<Record>`` or ``<Dial>``, ``CallStatus`` alone a call's progress. All other
events are ignored. Absent and blank fields mean the same.

The signature neither separates names from values nor fixes the order of repeated ones. So a field with two different
values is refused.

The format of ids differs by platform, so functions take ``refs``, which defaults to REF.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, Kind, Voice, WebhookContent
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.telephony.http.url import MAX_URL, parse_media_url
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.parsing.phone_number import normalize
from vault.telephony.parsing.timestamps import from_rfc2822, from_rfc3339

#: Ids of calls and recordings: Twilio's are two letters and 32 hexadecimal digits, SignalWire's are UUIDs.
#: They become parts of URL paths.
REF = re.compile(r"[0-9A-Za-z\-]{1,64}")
#: A duration in seconds, at most some months.
SECONDS = re.compile(r"[0-9]{1,7}")
#: The id at the end of a RecordingUrl, for events without a RecordingSid.
IN_URL = re.compile(r"/Recordings/([0-9A-Za-z\-]{1,64})(?:\.(?:wav|mp3))?\Z")

#: Directions of call legs. Other values, such as those of trunks, do not say who called whom.
DIRECTIONS: Mapping[str, Direction] = {
    "inbound": "inbound",
    "outbound": "outbound",
    "outbound-api": "outbound",
    "outbound-dial": "outbound",
}
BEGUN = frozenset({"queued", "initiated", "ringing"})
ANSWERED = frozenset({"in-progress", "answered"})
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
#: Fields of a call's progress and of the end of a ``<Dial>``, never of the end of a ``<Record>``.
NOT_RECORD_VERB = ("CallbackSource", "CallDuration", "DialCallStatus", "DialCallSid")


def is_json(delivery: Delivery) -> bool:
    """Tell whether the Content-Type is JSON; everything else is parsed as a form."""
    media_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    return delivery.method != "GET" and media_type == "application/json"


def fields(delivery: Delivery) -> Form:
    """Parse the parameters: of the query for GET, else of the body. Raises Invalid.

    Both signature verification and event parsing use this, so that only signed fields are read.
    """
    if delivery.method == "GET":
        try:
            query = urlsplit(delivery.url).query
        except ValueError:
            raise Invalid("The query is invalid: the URL cannot be parsed.", field="query") from None
        return parse_query(query)
    return parse_form(delivery.body)


def understand(form: Form, *, refs: re.Pattern[str] = REF) -> WebhookContent | None:
    """Parse an event; None if it is not about a recording or a call. Raises Invalid.

    The result has no delivery id: I-Twilio-Idempotency-Token is not signed, so an attacker could choose it.
    """
    status, url = text(form, "RecordingStatus"), text(form, "RecordingUrl")
    if status is None and url is None and text(form, "CallStatus") is None:
        return None
    announced = status == "completed" or (status is None and url is not None)
    facts = call_facts(form, refs) if status is None else _recording_facts(form, refs, ready=announced)
    return WebhookContent(facts=facts, announcement=_announcement(form, refs) if announced else None)


def event_name(form: Form) -> str | None:
    """Return the status that makes the event what it is, with the name of its field. Raises Invalid."""
    for name in ("RecordingStatus", "CallStatus"):
        if (status := text(form, name)) is not None:
            return f"{name} {status}"
    return None


def call_facts(form: Form, refs: re.Pattern[str] = REF) -> CallFacts:
    """Parse the call facts of a call's progress or of a request for its document. Raises Invalid."""
    if text(form, "ParentCallSid") is not None:
        return _child_facts(form, refs)
    status, at = text(form, "CallStatus"), _moment(form, "Timestamp")
    written, callee = text(form, "From"), text(form, "To")
    leg = DIRECTIONS.get(text(form, "Direction") or "")
    dialling, reached = _client(written), _client(callee)
    talk = _seconds(form, "CallDuration")
    began = at - talk if at and talk is not None and status == "completed" else None
    # The platform itself answers an inbound call, so its duration is that of the whole call; only an
    # outbound call is answered by a person.
    started, answered = (None, began) if leg == "outbound" else (began, None)
    # Telnyx sends no direction, but always the start time.
    initiated = _moment(form, "CallInitiatedAt")
    return CallFacts(
        call_ref=ref(form, "CallSid", refs=refs),
        # A call from the account's own client is inbound only for the platform.
        direction="outbound" if dialling else leg,
        caller=_number(written),
        callee=_number(callee),
        started_at=initiated or (at if status in BEGUN else started),
        answered_at=at if status in ANSWERED and leg == "outbound" else answered,
        ended_at=at if status in ENDED else None,
        agent=dialling or reached,
    )


def voices_of(channels: str, source: str | None, track: str | None) -> tuple[Voice, ...]:
    """Return the voice of each channel: ``channels`` is 1 or 2, or anything else if the platform does not say.

    ``<Dial>`` records the dialling leg on the first channel and the dialled leg on the second. For other
    two-channel recordings the voices are unknown. ``<Record>`` records the caller only.
    """
    if channels == "2":
        return ("caller", "callee") if source == "DialVerb" else ("unknown", "unknown")
    if channels != "1":
        return ()
    if source == "RecordVerb":
        return ("caller",)
    return ("unknown",) if track in ("inbound", "outbound") else ("all",)


def text(form: Form, name: str) -> str | None:
    """Return a field, or None if it is absent or blank. Raises Invalid if it has two different values."""
    values = set(form.all(name)) - {""}
    if len(values) > 1:
        raise Invalid(f"{name} must not have two different values.", field=name)
    return values.pop() if values else None


def ref(form: Form, *names: str, refs: re.Pattern[str] = REF) -> str:
    """Return the first of ``names`` that is present, as an id. Raises Invalid, naming the field."""
    for name in names:
        value = text(form, name)
        if value is not None:
            if refs.fullmatch(value) is None:
                raise Invalid(f"{name} does not have the format of the provider's ids.", field=name)
            return value
    raise Invalid(f"{names[0]} is required.", field=names[0])


def moment(written: str, *, field: str) -> datetime:
    """Parse a point in time: RFC 2822, or RFC 3339, which SignalWire uses in some fields. Raises Invalid."""
    parse = from_rfc3339 if written[:4].isdigit() else from_rfc2822
    return parse(written, field=field)


def _child_facts(form: Form, refs: re.Pattern[str]) -> CallFacts:
    """Parse the call facts of a dialled leg: the number or the agent that was dialled, and the time of the answer.

    Its caller, start and end are the leg's own and would overwrite the call's.
    """
    ref(form, "CallSid", refs=refs)
    at, dialled = _moment(form, "Timestamp"), text(form, "To")
    agent = _client(dialled)
    return CallFacts(
        call_ref=ref(form, "ParentCallSid", refs=refs),
        callee=_number(dialled) if agent is None else None,
        answered_at=at if text(form, "CallStatus") in ANSWERED else None,
        agent=agent,
    )


def _recording_facts(form: Form, refs: re.Pattern[str], *, ready: bool) -> CallFacts:
    """Parse the call facts of a recording's status: its time span, once it is ready.

    Until the call's own events arrive, this span decides whether recording was switched on. The times and durations
    of an unfinished recording may be blank or negative, so they are not used.
    """
    call_ref = ref(form, "CallSid", "ConferenceSid", refs=refs)
    if not ready:
        return CallFacts(call_ref=call_ref)
    started, length = _moment(form, "RecordingStartTime"), _seconds(form, "RecordingDuration")
    ended = started + length if started and length is not None else None
    return CallFacts(call_ref=call_ref, started_at=started, ended_at=ended)


def _announcement(form: Form, refs: re.Pattern[str]) -> Announcement:
    url = text(form, "RecordingUrl")
    if url is not None:
        _check_url(url)
    recording = _recording_ref(form, url, refs)
    channels, source = text(form, "RecordingChannels"), text(form, "RecordingSource")
    if channels not in (None, "1", "2"):
        raise Invalid("RecordingChannels must be 1 or 2.", field="RecordingChannels")
    return Announcement(
        recording_ref=recording,
        url=url,
        source_ref=recording,
        kind=_kind(form, source),
        voices=voices_of(channels or "", source, text(form, "RecordingTrack")),
    )


def _check_url(url: str) -> None:
    try:
        parse_media_url(url)
    except ValueError:
        raise Invalid(
            f"RecordingUrl must be an http or https URL of at most {MAX_URL} ASCII characters, without userinfo.",
            field="RecordingUrl",
        ) from None


def _recording_ref(form: Form, url: str | None, refs: re.Pattern[str]) -> str:
    match = IN_URL.search(urlsplit(url).path) if url is not None else None
    if match is not None and text(form, "RecordingSid") is None:
        return match[1]
    return ref(form, "RecordingSid", refs=refs)


def _kind(form: Form, source: str | None) -> Kind:
    if source is not None:
        return "voicemail" if source == "RecordVerb" else "call"
    if text(form, "RecordingStatus") is not None or any(text(form, name) for name in NOT_RECORD_VERB):
        return "call"
    return "voicemail"


def _number(written: str | None) -> str | None:
    return (normalize(written) or None) if written is not None else None


def _client(written: str | None) -> str | None:
    """Return the name in ``client:name``: an agent who uses a browser or an app."""
    if written is None or not written.startswith("client:"):
        return None
    return normalize(written.removeprefix("client:")) or None


def _moment(form: Form, name: str) -> datetime | None:
    value = text(form, name)
    return None if value is None else moment(value, field=name)


def _seconds(form: Form, name: str) -> timedelta | None:
    value = text(form, name)
    if value is None:
        return None
    if SECONDS.fullmatch(value) is None:
        raise Invalid(f"{name} must be a number of seconds.", field=name)
    return timedelta(seconds=int(value))
