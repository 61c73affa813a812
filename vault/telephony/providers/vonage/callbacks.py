"""What Vonage's callbacks and requests for NCCOs say of conversations and recordings.

Everything is told of a conversation, which has a leg for each party. Two legs cannot be told apart by one
event, so an outbound leg says who it is but not when the conversation began or ended: it may have joined
late, and a call that seems shorter than it was could hide a moment in which recording was off.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from vault.domain.calls.call import Announcement, CallFacts, Direction, WebhookContent
from vault.domain.calls.call_document import CallStep
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid
from vault.telephony.parsing.dtmf import pressed
from vault.telephony.parsing.forms import parse_query
from vault.telephony.parsing.json_fields import Json, media, moment, ref, text, words
from vault.telephony.parsing.phone_number import from_digits
from vault.telephony.parsing.strict_json import parse_object

#: A file's name at the REST interface; it becomes part of a path.
FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}")

DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "outbound": "outbound"}
#: Statuses that begin a leg, and those that end it.
BEGINS = frozenset({"started", "ringing"})
ENDS = frozenset({"completed", "busy", "cancelled", "unanswered", "rejected", "failed", "timeout"})


def heard(delivery: Delivery, delivery_id: str | None) -> WebhookContent | None:
    """Return what an event says; None where it tells of no conversation. Raises Invalid."""
    said = _said(delivery)
    if said.get("recording_url") is not None:
        return WebhookContent(
            facts=_recorded(said), announcement=_announcement(said), delivery_id=delivery_id
        )
    call_ref, status = ref(said, "conversation_uuid"), text(said, "status")
    if call_ref is None or (status is None and text(said, "from") is None):
        # A transfer, an answer of a machine detector, a key that was pressed: nothing of a call's facts.
        return None
    return WebhookContent(facts=_facts(said, call_ref, status), delivery_id=delivery_id)


def asked(delivery: Delivery) -> CallStep:
    """Return what a request for an NCCO says. Raises Invalid, naming the field.

    ``answer_url`` names the numbers, ``input`` the key too, and ``notify`` nothing but the conversation. A user
    of an application has a name in place of a number.
    """
    said = _said(delivery)
    return CallStep(
        facts=CallFacts(
            call_ref=_required(said, "conversation_uuid"),
            caller=_number(said, "from") or words(said, "from_user"),
            callee=_number(said, "to"),
        ),
        key=pressed(_digits(said), field="dtmf"),
    )


def _said(delivery: Delivery) -> Json:
    """Return the event: a JSON body, or the query of a GET, where no name may come twice."""
    if delivery.method != "GET":
        return parse_object(delivery.body)
    try:
        query = urlsplit(delivery.url).query
    except ValueError:
        raise Invalid("The query cannot be read.", field="query") from None
    form = parse_query(query)
    said: dict[str, object] = dict(form)
    if len(said) != len(form):
        raise Invalid("The query says one thing twice.", field="query")
    return said


def _facts(said: Json, call_ref: str, status: str | None) -> CallFacts:
    """Return what one leg says. Its times are the conversation's only where it came in."""
    told = text(said, "direction")
    if told is not None and told not in DIRECTIONS:
        raise Invalid("direction is inbound or outbound.", field="direction")
    direction = None if told is None else DIRECTIONS[told]
    at, start, end = moment(said, "timestamp"), moment(said, "start_time"), moment(said, "end_time")
    whole = direction == "inbound"
    return CallFacts(
        call_ref=call_ref,
        direction=direction,
        caller=_number(said, "from"),
        callee=_number(said, "to"),
        started_at=at if whole and status in BEGINS else None,
        # Vonage counts from the answer: start_time and end_time of ``completed`` are duration apart.
        answered_at=start or (at if status == "answered" else None),
        ended_at=(end or at) if whole and status in ENDS else None,
    )


def _recorded(said: Json) -> CallFacts:
    """Return what an event of a recording says of its conversation: the times between which it was recorded."""
    return CallFacts(
        call_ref=_required(said, "conversation_uuid"),
        started_at=moment(said, "start_time"),
        ended_at=moment(said, "end_time"),
    )


def _announcement(said: Json) -> Announcement:
    moment(said, "timestamp")
    recording_ref, url = _required(said, "recording_uuid"), media(said, "recording_url")
    if url is None:
        raise Invalid("recording_url is required.", field="recording_url")
    name = urlsplit(url).path.rpartition("/")[2]
    return Announcement(
        recording_ref=recording_ref, url=url, source_ref=name if FILE.fullmatch(name) else None
    )


def _required(said: Json, key: str) -> str:
    name = ref(said, key)
    if name is None:
        raise Invalid(f"{key} is required.", field=key)
    return name


def _number(said: Json, key: str) -> str | None:
    written = text(said, key)
    return None if written is None else from_digits(written) or None


def _digits(said: Json) -> str | None:
    """Return the keys; None for none. A GET writes the object as text, and older calls the keys alone."""
    dtmf = said.get("dtmf")
    if isinstance(dtmf, str) and dtmf.startswith("{"):
        try:
            dtmf = parse_object(dtmf.encode("utf-8", "surrogatepass"))
        except Invalid:
            raise Invalid("dtmf is an object.", field="dtmf") from None
    digits = dtmf.get("digits") if isinstance(dtmf, dict) else dtmf
    if digits is not None and not isinstance(digits, str):
        raise Invalid("dtmf says which keys were pressed.", field="dtmf")
    return digits
