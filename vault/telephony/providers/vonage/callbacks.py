"""Parses Vonage's callbacks and requests for NCCOs.

Events belong to a conversation, which has a leg for each party. One event does not show which leg is the first, so the
times of an outbound leg are not used as the conversation's start or end: the leg may have joined late, and a
call that seems too short could hide a time when recording was off.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, WebhookContent
from vault.domain.calls.call_document import CallStep
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.telephony.call_documents import parse_key
from vault.telephony.parsing.forms import parse_query
from vault.telephony.parsing.json_fields import Json, media, moment, ref, text, words
from vault.telephony.parsing.phone_number import from_digits
from vault.telephony.parsing.strict_json import parse_object

#: A file's name in the REST API; it becomes part of a URL path.
FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}")

DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
#: Statuses at the start and at the end of a leg.
BEGINS = frozenset({"started", "ringing"})
ENDS = frozenset({"completed", "busy", "cancelled", "unanswered", "rejected", "failed", "timeout"})


def parse_callback(delivery: Delivery, delivery_id: str | None) -> WebhookContent | None:
    """Parse an event; None if it contains no facts of a conversation. Raises Invalid."""
    event = _event(delivery)
    if event.get("recording_url") is not None:
        return WebhookContent(
            facts=_recording_facts(event), announcement=_announcement(event), delivery_id=delivery_id
        )
    call_ref, status = ref(event, "conversation_uuid"), text(event, "status")
    if call_ref is None or (status is None and text(event, "from") is None):
        # A transfer, a machine detection result or a pressed key: no facts of the call.
        return None
    return WebhookContent(facts=_facts(event, call_ref, status), delivery_id=delivery_id)


def callback_name(delivery: Delivery) -> str | None:
    """Return what Vonage calls the event; None for that of a recording, which has no name. Raises Invalid."""
    event = _event(delivery)
    return text(event, "status") or text(event, "type")


def parse_document_request(delivery: Delivery) -> CallStep:
    """Parse a request for an NCCO. Raises Invalid, naming the field.

    A request to ``answer_url`` contains the numbers, ``input`` also the key, and ``notify`` only the conversation.
    A user of an application has a name instead of a number.
    """
    event = _event(delivery)
    return CallStep(
        facts=CallFacts(
            call_ref=_required(event, "conversation_uuid"),
            caller=_number(event, "from") or words(event, "from_user"),
            callee=_number(event, "to"),
        ),
        key=parse_key(_digits(event), field="dtmf"),
    )


def _event(delivery: Delivery) -> Json:
    """Parse the event: a JSON body, or the query of a GET, in which each name must be unique."""
    if delivery.method != "GET":
        return parse_object(delivery.body)
    try:
        query = urlsplit(delivery.url).query
    except ValueError:
        raise Invalid("The query is invalid: the URL cannot be parsed.", field="query") from None
    form = parse_query(query)
    event: dict[str, object] = dict(form)
    if len(event) != len(form):
        raise Invalid("The query must not contain a name twice.", field="query")
    return event


def _facts(event: Json, call_ref: str, status: str | None) -> CallFacts:
    """Parse the facts of one leg. Only an inbound leg has the conversation's start and end."""
    word = text(event, "direction")
    if word is not None and word not in DIRECTIONS:
        raise Invalid("direction must be inbound or outbound.", field="direction")
    direction = None if word is None else DIRECTIONS[word]
    at, start, end = moment(event, "timestamp"), moment(event, "start_time"), moment(event, "end_time")
    whole = direction == "inbound"
    return CallFacts(
        call_ref=call_ref,
        direction=direction,
        caller=_number(event, "from"),
        callee=_number(event, "to"),
        started_at=at if whole and status in BEGINS else None,
        # start_time is the time of the answer: in ``completed``, end_time minus start_time is the duration.
        answered_at=start or (at if status == "answered" else None),
        ended_at=(end or at) if whole and status in ENDS else None,
    )


def _recording_facts(event: Json) -> CallFacts:
    """Parse the call facts of a recording's event: its start and end."""
    return CallFacts(
        call_ref=_required(event, "conversation_uuid"),
        started_at=moment(event, "start_time"),
        ended_at=moment(event, "end_time"),
    )


def _announcement(event: Json) -> Announcement:
    moment(event, "timestamp")
    recording_ref, url = _required(event, "recording_uuid"), media(event, "recording_url")
    if url is None:
        raise Invalid("recording_url is required.", field="recording_url")
    name = urlsplit(url).path.rpartition("/")[2]
    return Announcement(
        recording_ref=recording_ref, url=url, source_ref=name if FILE.fullmatch(name) else None
    )


def _required(event: Json, key: str) -> str:
    name = ref(event, key)
    if name is None:
        raise Invalid(f"{key} is required.", field=key)
    return name


def _number(event: Json, key: str) -> str | None:
    written = text(event, key)
    return None if written is None else from_digits(written) or None


def _digits(event: Json) -> str | None:
    """Return the pressed keys, or None. In a GET the object is JSON text; older API versions send only the keys."""
    dtmf = event.get("dtmf")
    if isinstance(dtmf, str) and dtmf.startswith("{"):
        try:
            dtmf = parse_object(dtmf.encode("utf-8", "surrogatepass"))
        except Invalid:
            raise Invalid("dtmf must be an object.", field="dtmf") from None
    digits = dtmf.get("digits") if isinstance(dtmf, dict) else dtmf
    if digits is not None and not isinstance(digits, str):
        raise Invalid("dtmf must contain the pressed keys as a string.", field="dtmf")
    return digits
