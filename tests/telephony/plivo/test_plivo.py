"""Plivo's callbacks: what they say, and what is refused of them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.malformed import WRONG
from tests.telephony.plivo.recorded import (
    ANNOUNCED,
    CALL,
    PROVIDER,
    RECORDING,
    URL,
    changed,
    delivery,
    heard,
    load,
)
from vault.domain.calls.call import Announcement, CallFacts, WebhookContent, fold
from vault.errors import Invalid

START = datetime(2026, 1, 31, 9, 28, 0, 500_000, tzinfo=UTC)
END = datetime(2026, 1, 31, 9, 29, 1, 734_000, tzinfo=UTC)
WHO = CallFacts(call_ref=CALL, direction="inbound", caller="+12025550100", callee="+442079460000")
RECORDED = fold([WHO, CallFacts(call_ref=CALL, started_at=START, ended_at=END)])
NAMES = ["record", "record_begun", "record_api", "hangup", "answer"]


def test_a_recording_is_understood_whole() -> None:
    """Milliseconds come as text with a fraction, and the nonce names the delivery."""
    headers = {"x-plivo-signature-v3-nonce": "12345"}
    said = PROVIDER.understand(delivery(load("record"), headers))
    assert said == WebhookContent(facts=RECORDED, announcement=ANNOUNCED, delivery_id="12345")


def test_a_callback_by_get_says_the_same_in_its_query() -> None:
    """A callbackMethod of GET puts the fields into the query."""
    said = PROVIDER.understand(delivery(b"", method="GET", url=f"{URL}?{load('record')}"))
    assert said == WebhookContent(facts=RECORDED, announcement=ANNOUNCED)


def test_the_record_api_writes_names_in_lower_case() -> None:
    """The same fields under their other names."""
    said = heard(load("record_api"))
    url = "http://s3.amazonaws.com/recordings_2013/made-up.mp3"
    assert said == WebhookContent(
        facts=CallFacts(call_ref=CALL, started_at=START, ended_at=END),
        announcement=Announcement(recording_ref=RECORDING, url=url, source_ref=RECORDING),
    )


def test_the_number_that_was_dialled_is_a_fact_of_its_own() -> None:
    """The call's own numbers stay beside it: each may be that of somebody who objected."""
    said = heard(changed("hangup", DialBLegTo="14155550187"))
    assert said is not None
    assert said.legs == (CallFacts(call_ref=CALL, callee="+14155550187"),)
    assert said.facts.callee == WHO.callee


@pytest.mark.parametrize("name", ["RecordUrl", "RecordingUrl", "record_url", "recording_url"])
def test_a_url_is_read_under_any_of_its_names(name: str) -> None:
    """Documentation and examples of the vendor disagree about it."""
    said = heard(changed("record", **{"RecordUrl": None, name: "https://media.plivo.com/1.mp3"}))
    assert said is not None
    assert said.announcement is not None
    assert said.announcement.url == "https://media.plivo.com/1.mp3"


def test_a_recording_that_has_only_begun_announces_nothing() -> None:
    """The action of a session recording comes at its beginning, with a duration of -1 and no times."""
    assert heard(load("record_begun")) == WebhookContent(facts=WHO)


def test_a_call_is_told_in_pieces() -> None:
    """Ringing, talk and end are apart; without an offset they are UTC."""
    times = CallFacts(
        call_ref=CALL,
        started_at=datetime(2026, 1, 31, 9, 27, 50, tzinfo=UTC),
        answered_at=datetime(2026, 1, 31, 9, 27, 58, tzinfo=UTC),
        ended_at=datetime(2026, 1, 31, 9, 29, tzinfo=UTC),
    )
    answer, hangup = heard(load("answer")), heard(load("hangup"))
    assert answer == WebhookContent(facts=WHO)
    assert hangup == WebhookContent(facts=fold([WHO, times]))
    assert fold([hangup.facts, answer.facts]) == hangup.facts


def test_the_calls_own_times_go_before_those_of_its_recording() -> None:
    """Where a callback says both."""
    said = heard(changed("record", StartTime="2026-01-31 14:57:50.25+05:30"))
    assert said is not None
    assert said.facts.started_at == datetime(2026, 1, 31, 9, 27, 50, 250_000, tzinfo=UTC)
    assert said.facts.ended_at == END


@pytest.mark.parametrize("unknown", ["", " ", "0", "-1", "0.00000", "-1.00000"])
def test_a_time_that_is_not_known_yet_is_none(unknown: str) -> None:
    """Blanks, zeros and minus one say nothing."""
    said = heard(changed("record", RecordingStartMs=unknown))
    assert said is not None
    assert (said.facts.started_at, said.facts.ended_at) == (None, END)


def test_a_conference_is_a_call_of_its_own() -> None:
    """Its recording names no call."""
    said = heard(changed("record", CallUUID=None, ConferenceUUID="conf-1"))
    assert said is not None
    assert said.facts.call_ref == "conf-1"


@pytest.mark.parametrize("form", ["", "MessageUUID=1&From=12025550100&Text=hello", "CallUUID=&From=1"])
def test_what_tells_of_no_call_concerns_nobody(form: str) -> None:
    """A message, and nothing at all."""
    assert heard(form) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", None),
        ("anonymous", "anonymous"),
        ("sip:alice@phone.plivo.com", "sip:alice@phone.plivo.com"),
        ("1234", "1234"),
        ("+442079460000", "+442079460000"),
    ],
)
def test_what_is_no_number_is_kept(written: str, expected: str | None) -> None:
    """A blank says nothing."""
    said = heard(changed("answer", From=written))
    assert said is not None
    assert said.facts.caller == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"RecordUrl": "ftp://media.plivo.com/1"}, "RecordUrl"),
        ({"RecordUrl": "https://u:p@media.plivo.com/1"}, "RecordUrl"),
        ({"RecordingUrl": "https://media.plivo.com/another"}, "RecordUrl"),
        ({"RecordingID": None}, "RecordingID"),
        ({"RecordingID": ""}, "RecordingID"),
        ({"RecordingID": "a\u0000"}, "RecordingID"),
        ({"recording_id": "another"}, "RecordingID"),
        ({"CallUUID": None}, "CallUUID"),
        ({"CallUUID": "c" * 201}, "CallUUID"),
        ({"call_uuid": "another"}, "CallUUID"),
        ({"Direction": "sideways"}, "Direction"),
        ({"RecordingDuration": "long"}, "RecordingDuration"),
        ({"RecordingDurationMs": "1e9"}, "RecordingDurationMs"),
        ({"RecordingStartMs": "1769851680"}, "RecordingStartMs"),
        ({"RecordingStartMs": "9" * 15}, "RecordingStartMs"),
        ({"RecordingEndMs": "2026-01-31 09:29:00"}, "RecordingEndMs"),
        ({"StartTime": "1769851680500"}, "StartTime"),
        ({"AnswerTime": "2026-02-30 09:27:50"}, "AnswerTime"),
        ({"EndTime": "2026-01-31T09:29:00"}, "EndTime"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_invalid_and_named(changes: dict[str, str | None], field: str) -> None:
    """The error names the field and repeats nothing of its value."""
    with pytest.raises(Invalid) as error:
        heard(changed("record", **changes))
    assert error.value.field == field
    assert "plivo" not in str(error.value)


@pytest.mark.parametrize("name", ["CallUUID", "RecordingID", "RecordUrl", "From", "StartTime"])
def test_a_field_that_says_two_things_is_refused(name: str) -> None:
    """The signature does not prove in which order they stood; the same thing twice is one thing."""
    form = changed("record", StartTime="2026-01-31 09:27:50")
    for both in (f"{name}=other&{form}", f"{form}&{name}=other"):
        with pytest.raises(Invalid) as error:
            heard(both)
        assert error.value.field == name
    assert heard(f"{form}&{form}") == heard(form)


def test_a_body_that_is_no_form_is_invalid() -> None:
    """Half an escape and bytes that are no text."""
    for body in (b"CallUUID=%zz", b"CallUUID=%ff", b'{"CallUUID": "1"}'):
        with pytest.raises(Invalid) as error:
            heard(body)
        assert error.value.field == "body"


@pytest.mark.parametrize("name", NAMES)
def test_everything_malformed_is_understood_or_invalid(name: str) -> None:
    """Each field is left out, and replaced by what it is not."""
    invalid = 0
    for field in [piece.partition("=")[0] for piece in load(name).split("&")]:
        for wrong in (None, *(str(one).replace("\ud800", "?") for one in WRONG)):
            try:
                said = heard(changed(name, **{field: wrong}))
            except Invalid as error:
                assert error.field
                invalid += 1
            else:
                assert said is None or said.facts.call_ref
    assert invalid


@given(body=st.binary(), method=st.sampled_from(["GET", "POST", "PUT"]), tail=st.text(), nonce=st.text())
def test_arbitrary_bytes_are_understood_or_invalid(body: bytes, method: str, tail: str, nonce: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    headers = {"x-plivo-signature-v3-nonce": nonce}
    try:
        said = PROVIDER.understand(delivery(body, headers, method=method, url=f"{URL}{tail}"))
    except Invalid as error:
        assert error.field
    else:
        assert said is None or said.facts.call_ref
