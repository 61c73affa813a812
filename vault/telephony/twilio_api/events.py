"""The events of the 2010-04-01 dialect, which Twilio speaks and others took over (LaML, cXML, TeXML).

No field names the event; its shape does. ``RecordingStatus`` makes it a recording's status,
``RecordingUrl`` without it what ``<Record>`` or ``<Dial>`` say when they end, ``CallStatus`` alone a call's
progress. Everything else concerns nobody. Fields come absent or blank, and both say nothing.

The signature neither separates names from values nor orders repeated ones. So a field that is read here
is said once or alike: two different values of one name are refused.

What names calls and recordings is each platform's own, so ``refs`` is passed along: REF, where it is not
given.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, Kind, Voice, WebhookContent
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid
from vault.telephony.http.url import MAX_URL, parse_media_url
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.parsing.phone_number import normalize
from vault.telephony.parsing.timestamps import from_rfc2822, from_rfc3339

#: Twilio's are two letters and 32 hexadecimal digits, SignalWire's are UUIDs. They become parts of paths.
REF = re.compile(r"[0-9A-Za-z\-]{1,64}")
#: Seconds: at most some months.
SECONDS = re.compile(r"[0-9]{1,7}")
#: The id at the end of a RecordingUrl, for events that do not tell it otherwise.
IN_URL = re.compile(r"/Recordings/([0-9A-Za-z\-]{1,64})(?:\.(?:wav|mp3))?\Z")

#: Legs as the platform sees them; others, of trunks, say nothing of who called whom.
DIRECTIONS: Mapping[str, Direction] = {
    "inbound": "inbound",
    "outbound": "outbound",
    "outbound-api": "outbound",
    "outbound-dial": "outbound",
}
BEGUN = frozenset({"queued", "initiated", "ringing"})
ANSWERED = frozenset({"in-progress", "answered"})
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
#: What only the progress of a call or the end of a ``<Dial>`` says, and the end of a ``<Record>`` never.
NOT_RECORD_VERB = ("CallbackSource", "CallDuration", "DialCallStatus", "DialCallSid")


def check_credentials(
    credentials: Mapping[str, str],
    formats: Mapping[str, re.Pattern[str]],
    *,
    optional: Collection[str] = (),
) -> None:
    """Raise Invalid, naming the field, unless each of ``formats`` is there and fits, and nothing else is."""
    if set(credentials) - set(formats):
        known = [f"{name} (optional)" if name in optional else name for name in formats]
        raise Invalid(f"The credentials are {', '.join(known)} and nothing else.", field="credentials")
    for name, pattern in formats.items():
        if name not in credentials:
            if name in optional:
                continue
            raise Invalid(f"The credentials need {name}.", field=name)
        if pattern.fullmatch(credentials[name]) is None:
            raise Invalid(f"{name} does not look like one of the provider's.", field=name)


def is_json(delivery: Delivery) -> bool:
    """Say whether the body calls itself JSON; everything else is read as a form."""
    media_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    return delivery.method != "GET" and media_type == "application/json"


def fields(delivery: Delivery) -> Form:
    """Return the parameters: of the query for GET, else of the body. Raises Invalid.

    Authentication and understanding both read this, so that nothing is understood that was not signed.
    """
    if delivery.method == "GET":
        try:
            query = urlsplit(delivery.url).query
        except ValueError:
            raise Invalid("The URL is none.", field="query") from None
        return parse_query(query)
    return parse_form(delivery.body)


def understand(form: Form, *, refs: re.Pattern[str] = REF) -> WebhookContent | None:
    """Return what an event says; None if it concerns neither a recording nor a call. Raises Invalid.

    It has no id: Twilio's I-Twilio-Idempotency-Token is not signed, so whoever repeats a delivery chooses it.
    """
    status, url = text(form, "RecordingStatus"), text(form, "RecordingUrl")
    if status is None and url is None and text(form, "CallStatus") is None:
        return None
    announced = status == "completed" or (status is None and url is not None)
    facts = call_facts(form, refs) if status is None else _recording_facts(form, refs, ready=announced)
    return WebhookContent(facts=facts, announcement=_announcement(form, refs) if announced else None)


def call_facts(form: Form, refs: re.Pattern[str] = REF) -> CallFacts:
    """Return what the progress of a call says of it, or the request for its document. Raises Invalid."""
    if text(form, "ParentCallSid") is not None:
        return _child_facts(form, refs)
    status, at = text(form, "CallStatus"), _moment(form, "Timestamp")
    written, callee = text(form, "From"), text(form, "To")
    leg = DIRECTIONS.get(text(form, "Direction") or "")
    dialling, reached = _client(written), _client(callee)
    talk = _seconds(form, "CallDuration")
    began = at - talk if at and talk is not None and status == "completed" else None
    # The platform answers an inbound call itself: its duration is the whole call's, and only an
    # outbound call's answer is a person's.
    begun, answered = (None, began) if leg == "outbound" else (began, None)
    # Telnyx names no direction, but always the beginning.
    initiated = _moment(form, "CallInitiatedAt")
    return CallFacts(
        call_ref=ref(form, "CallSid", refs=refs),
        # What the account's own client dials is inbound to the platform alone.
        direction="outbound" if dialling else leg,
        caller=_number(written),
        callee=_number(callee),
        started_at=initiated or (at if status in BEGUN else begun),
        answered_at=at if status in ANSWERED and leg == "outbound" else answered,
        ended_at=at if status in ENDED else None,
        agent=dialling or reached,
    )


def voices_of(channels: str, source: str | None, track: str | None) -> tuple[Voice, ...]:
    """Return who is heard: ``channels`` is 1 or 2, or anything else where the platform does not say.

    ``<Dial>`` records the leg that dialled first and the dialled one second. Of other recordings with
    two channels only their number is known. ``<Record>`` hears the caller alone.
    """
    if channels == "2":
        return ("caller", "callee") if source == "DialVerb" else ("unknown", "unknown")
    if channels != "1":
        return ()
    if source == "RecordVerb":
        return ("caller",)
    return ("unknown",) if track in ("inbound", "outbound") else ("all",)


def text(form: Form, name: str) -> str | None:
    """Return a field, or None where it is absent or blank. Raises Invalid if it says two things."""
    values = set(form.all(name)) - {""}
    if len(values) > 1:
        raise Invalid(f"{name} is there twice.", field=name)
    return values.pop() if values else None


def ref(form: Form, *names: str, refs: re.Pattern[str] = REF) -> str:
    """Return the first of ``names`` that is there, as an id. Raises Invalid, naming the field."""
    for name in names:
        value = text(form, name)
        if value is not None:
            if refs.fullmatch(value) is None:
                raise Invalid(f"{name} is no id of the provider's.", field=name)
            return value
    raise Invalid(f"{names[0]} is required.", field=names[0])


def moment(written: str, *, field: str) -> datetime:
    """Return a point in time: RFC 2822, and RFC 3339 which SignalWire writes in places. Raises Invalid."""
    parse = from_rfc3339 if written[:4].isdigit() else from_rfc2822
    return parse(written, field=field)


def _child_facts(form: Form, refs: re.Pattern[str]) -> CallFacts:
    """Return what the dialled leg says of the call: who was reached, and when talking began.

    Its numbers, its start and its end are the leg's own and would overwrite the call's.
    """
    ref(form, "CallSid", refs=refs)
    at = _moment(form, "Timestamp")
    return CallFacts(
        call_ref=ref(form, "ParentCallSid", refs=refs),
        answered_at=at if text(form, "CallStatus") in ANSWERED else None,
        agent=_client(text(form, "To")),
    )


def _recording_facts(form: Form, refs: re.Pattern[str], *, ready: bool) -> CallFacts:
    """Return what a recording's status says of its call: the span it covers, once it is ready.

    Until more is heard of the call this span decides whether recording was switched on. An unfinished
    recording says less than the call's own events, and its times and durations may be blank or negative.
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
        raise Invalid("RecordingChannels is 1 or 2.", field="RecordingChannels")
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
            f"RecordingUrl is an https URL of at most {MAX_URL} ASCII characters with a plain host.",
            field="RecordingUrl",
        ) from None


def _recording_ref(form: Form, url: str | None, refs: re.Pattern[str]) -> str:
    told = IN_URL.search(urlsplit(url).path) if url is not None else None
    if told is not None and text(form, "RecordingSid") is None:
        return told[1]
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
    """Return the name in ``client:name``: a person of the account, at a browser or an app."""
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
        raise Invalid(f"{name} is a number of seconds.", field=name)
    return timedelta(seconds=int(value))
