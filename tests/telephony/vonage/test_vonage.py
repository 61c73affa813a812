"""Vonage's events: what they say, and what is refused of them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.malformed import malformed
from tests.telephony.vonage.recorded import ANNOUNCED, CALL, PROVIDER, URL, delivery, load, query, token
from vault.domain.calls.call import CallFacts, WebhookContent, fold
from vault.errors import Invalid

JSON_PAYLOADS = ["record", "started", "answered", "completed", "outbound_leg", "machine", "transfer"]
RECORDED = CallFacts(
    call_ref=CALL,
    started_at=datetime(2026, 1, 31, 9, 28, tzinfo=UTC),
    ended_at=datetime(2026, 1, 31, 9, 29, tzinfo=UTC),
)


def heard(event: object) -> WebhookContent | None:
    return PROVIDER.understand(delivery(event))


def facts(name: str, **changes: object) -> CallFacts:
    said = heard(load(name) | changes)
    assert said is not None
    return said.facts


def test_a_recording_is_understood_whole() -> None:
    """The recording has one name, its file another, and the token names the delivery."""
    body = json.dumps(load("record")).encode()
    said = PROVIDER.understand(delivery(body, "Bearer " + token(body, jti="jti-1")))
    assert said == WebhookContent(facts=RECORDED, announcement=ANNOUNCED, delivery_id="jti-1")


def test_a_recording_by_get_says_the_same_in_its_query() -> None:
    """An eventMethod of GET puts the fields into the query, beside what the URL had of its own."""
    said = PROVIDER.understand(delivery(b"", method="GET", url=f"{URL}?own=1&{query('record_get')}"))
    assert said == WebhookContent(facts=RECORDED, announcement=ANNOUNCED)


def test_an_answer_by_get_tells_who_calls() -> None:
    """The answer URL knows no direction, for it is asked for calls of both."""
    said = PROVIDER.understand(delivery(b"", method="GET", url=f"{URL}?{query('answer_get')}"))
    assert said == WebhookContent(
        facts=CallFacts(call_ref=CALL, caller="+12025550100", callee="+442079460000")
    )


def test_the_query_of_a_post_is_no_event() -> None:
    """What a POST says stands in its body alone, because only that is signed."""
    said = PROVIDER.understand(delivery(load("transfer"), url=f"{URL}?{query('record_get')}"))
    assert said is None


def test_a_call_is_told_in_pieces() -> None:
    """Ringing, talk and end are apart, whatever the order in which they come."""
    whole = CallFacts(
        call_ref=CALL,
        direction="inbound",
        caller="+12025550100",
        callee="+442079460000",
        started_at=datetime(2026, 1, 31, 9, 27, 50, 123_000, tzinfo=UTC),
        answered_at=datetime(2026, 1, 31, 9, 27, 58, tzinfo=UTC),
        ended_at=datetime(2026, 1, 31, 9, 29, tzinfo=UTC),
    )
    pieces = [facts(name) for name in ("started", "answered", "completed")]
    assert fold(pieces) == whole
    assert fold(reversed(pieces)) == whole
    assert facts("answered") == CallFacts(
        call_ref=CALL,
        direction="inbound",
        caller="+12025550100",
        callee="+442079460000",
        answered_at=whole.answered_at,
    )


def test_an_outbound_leg_does_not_shorten_the_call() -> None:
    """A leg that joined late and left early says who it was, and neither start nor end of the conversation."""
    said = facts("outbound_leg")
    assert (said.direction, said.caller, said.callee) == ("outbound", "+442079460000", "+442079460001")
    assert said.answered_at == datetime(2026, 1, 31, 9, 28, 10, tzinfo=UTC)
    assert (said.started_at, said.ended_at) == (None, None)


@pytest.mark.parametrize(
    "status", ["busy", "cancelled", "unanswered", "rejected", "failed", "timeout", "completed"]
)
def test_every_end_of_a_call_ends_it(status: str) -> None:
    """Without an end_time it is the event's own time."""
    said = facts("started", status=status)
    assert (said.started_at, said.ended_at) == (None, datetime(2026, 1, 31, 9, 27, 50, 123_000, tzinfo=UTC))


@pytest.mark.parametrize("event", ["machine", "transfer"])
def test_what_tells_of_no_conversation_concerns_nobody(event: str) -> None:
    """A machine detector's word and a transfer name no conversation of their own."""
    assert heard(load(event)) is None


def test_a_status_that_is_not_known_still_tells_who_calls() -> None:
    """Vonage may add statuses, and fields."""
    said = facts("started", status="teleported", brand_new={"a": [1]})
    assert said == CallFacts(
        call_ref=CALL, direction="inbound", caller="+12025550100", callee="+442079460000"
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", None),
        ("  ", None),
        (None, None),
        ("anonymous", "anonymous"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("1234", "1234"),
        ("02079460000", "02079460000"),
        ("+442079460000", "+442079460000"),
        ("442079460000", "+442079460000"),
    ],
)
def test_numbers_get_their_plus_and_everything_else_is_kept(
    written: str | None, expected: str | None
) -> None:
    """A blank says nothing; short and national numbers are nobody else's."""
    assert facts("started", **{"from": written}).caller == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recording_url": ""}, "recording_url"),
        ({"recording_url": "ftp://api.nexmo.com/v1/files/a"}, "recording_url"),
        ({"recording_url": 7}, "recording_url"),
        ({"recording_uuid": None}, "recording_uuid"),
        ({"recording_uuid": " "}, "recording_uuid"),
        ({"recording_uuid": "a\n"}, "recording_uuid"),
        ({"conversation_uuid": None}, "conversation_uuid"),
        ({"conversation_uuid": "c" * 201}, "conversation_uuid"),
        ({"start_time": "2026-01-31 09:28:00"}, "start_time"),
        ({"end_time": 1769851680}, "end_time"),
        ({"timestamp": "now"}, "timestamp"),
    ],
)
def test_a_recording_that_cannot_be_meant_is_invalid_and_named(changes: dict[str, Any], field: str) -> None:
    """The error names the field and repeats nothing of its value."""
    with pytest.raises(Invalid) as error:
        heard(load("record") | changes)
    assert error.value.field == field
    assert "nexmo" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"status": 7}, "status"),
        ({"from": 12025550100}, "from"),
        ({"to": []}, "to"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"conversation_uuid": {}}, "conversation_uuid"),
    ],
)
def test_an_event_that_cannot_be_meant_is_invalid_and_named(changes: dict[str, Any], field: str) -> None:
    """Every field that is read has its shape."""
    with pytest.raises(Invalid) as error:
        heard(load("started") | changes)
    assert error.value.field == field


def test_a_query_that_says_a_thing_twice_is_refused() -> None:
    """Two readers of it could take different ones."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(b"", method="GET", url=f"{URL}?{query('answer_get')}&from=1"))
    assert error.value.field == "query"


@pytest.mark.parametrize("name", JSON_PAYLOADS)
def test_everything_malformed_is_understood_or_invalid(name: str) -> None:
    """Each part of each payload is left out and replaced by what it is not."""
    seen = {True: 0, False: 0}
    for event in malformed(load(name)):
        try:
            said = heard(event)
        except Invalid as error:
            assert error.field
            seen[False] += 1
        else:
            assert said is None or said.facts.call_ref
            seen[True] += 1
    assert seen[True]
    assert seen[False] or name == "transfer"


@given(
    body=st.binary(),
    headers=st.dictionaries(st.text() | st.just("authorization"), st.text()),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    tail=st.text(),
)
def test_arbitrary_bytes_are_understood_or_invalid(
    body: bytes, headers: dict[str, str], method: str, tail: str
) -> None:
    """Whatever came, nothing but Invalid is raised."""
    given_ = delivery(body, headers.get("authorization"), method=method, url=f"{URL}{tail}")
    try:
        said = PROVIDER.understand(given_)
    except Invalid as error:
        assert error.field
    else:
        assert said is None or said.facts.call_ref
