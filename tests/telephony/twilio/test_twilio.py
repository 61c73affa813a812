"""Twilio's events: which shape says what, and that nothing but Invalid comes of a malformed one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.forms_of import malformed
from tests.telephony.replies import check_invalid_or_content
from tests.telephony.twilio.recorded import (
    ACCOUNT,
    API,
    CALL,
    CREDENTIALS,
    NAMES,
    PROVIDER,
    READY,
    RECORDING,
    SHARED,
    at,
    delivery,
    heard,
    load,
)  # fmt: skip
from vault.domain.calls.call import CallFacts, WebhookContent, fold
from vault.domain.consent.call_claims import CallClaims
from vault.errors import Invalid

PARTIES = {"caller": "+12025550100", "callee": "+12025550199"}
SPAN = CallFacts(call_ref=CALL, started_at=at("18:15:40"), ended_at=at("18:15:53"))
MONO = replace(READY, voices=("all",))
VOICEMAIL = replace(READY, kind="voicemail", voices=("caller",))


@pytest.mark.parametrize(
    ("name", "facts", "announcement"),
    [
        ("recording_completed", SPAN, READY),
        ("recording_completed_mono", SPAN, MONO),
        ("recording_voicemail", SPAN, VOICEMAIL),
        ("recording_conference", replace(SPAN, call_ref="CF" + "77aa" * 8), MONO),
        ("recording_in_progress", CallFacts(call_ref=CALL), None),
        ("recording_absent", CallFacts(call_ref=CALL), None),
        ("recording_failed", CallFacts(call_ref=CALL), None),
        ("voice_url", CallFacts(call_ref=CALL, direction="inbound", **PARTIES), None),
        ("gather_action", CallFacts(call_ref=CALL, direction="inbound", **PARTIES), None),
        (
            "call_ringing",
            CallFacts(call_ref=CALL, direction="inbound", started_at=at("18:15:30"), **PARTIES),
            None,
        ),
        (
            "call_completed",
            CallFacts(
                call_ref=CALL,
                direction="inbound",
                started_at=at("18:15:32"),
                ended_at=at("18:16:00"),
                **PARTIES,
            ),
            None,
        ),
        (
            "call_outbound_answered",
            CallFacts(call_ref=CALL, direction="outbound", answered_at=at("18:15:38"), **PARTIES),
            None,
        ),
        (
            "call_outbound_completed",
            CallFacts(
                call_ref=CALL,
                direction="outbound",
                answered_at=at("18:15:38"),
                ended_at=at("18:16:00"),
                **PARTIES,
            ),
            None,
        ),
        ("call_child_answered", CallFacts(call_ref=CALL, answered_at=at("18:15:41"), agent="alice"), None),
        (
            "call_from_client",
            CallFacts(
                call_ref=CALL, direction="outbound", caller="client:bob", callee="+12025550199", agent="bob"
            ),
            None,
        ),
        (
            "record_action",
            CallFacts(call_ref=CALL, direction="inbound", **PARTIES),
            replace(READY, kind="voicemail", voices=()),
        ),
        ("dial_action", CallFacts(call_ref=CALL, direction="inbound", **PARTIES), replace(READY, voices=())),
    ],
)
def test_each_shape_says_what_it_says(name: str, facts: CallFacts, announcement: object) -> None:
    """A recorded form becomes facts, and an announcement only where a recording is ready."""
    assert heard(load(name)) == WebhookContent(facts=facts, announcement=announcement)


def test_every_payload_is_tested() -> None:
    """A file that no test names would be dead weight."""
    tested = {mark.args[1][i][0] for mark in test_each_shape_says_what_it_says.pytestmark
              for i in range(len(mark.args[1]))}  # fmt: skip
    assert tested | {"message_received"} == set(NAMES)


def test_other_events_concern_nobody() -> None:
    """Messages, empty forms and JSON are None."""
    assert PROVIDER.understand(delivery(load("message_received"))) is None
    assert PROVIDER.understand(delivery(b"")) is None
    json = {"content-type": "application/json; charset=utf-8"}
    assert PROVIDER.understand(delivery(b'{"CallSid": "CA1"', json)) is None


def test_a_get_is_read_from_its_query_alone() -> None:
    """The body of a GET is signed by nobody."""
    query = f"https://vault.example/w?CallSid={CALL}&CallStatus=ringing"
    said = PROVIDER.understand(replace(delivery(load("recording_completed"), url=query), method="GET"))
    assert said == WebhookContent(facts=CallFacts(call_ref=CALL))


def test_a_token_that_nobody_signed_is_no_id_of_a_delivery() -> None:
    """Anyone who repeats a captured delivery chooses the header."""
    for token in ("d2c8-1", "", "x" * 129):
        said = PROVIDER.understand(delivery(load("voice_url"), {"i-twilio-idempotency-token": token}))
        assert said is not None
        assert said.delivery_id is None


def test_events_out_of_order_fold_to_the_same_call() -> None:
    """Blanks never overwrite, and the dialled leg does not replace the caller's numbers."""
    names = ["call_ringing", "call_child_answered", "call_completed", "recording_absent"]
    pieces = [heard(load(name)).facts for name in names]
    forth, back = fold(pieces), fold(reversed(pieces))
    assert replace(forth, started_at=None) == replace(back, started_at=None)
    assert forth == CallFacts(
        call_ref=CALL, direction="inbound", started_at=at("18:15:32"), answered_at=at("18:15:41"),
        ended_at=at("18:16:00"), agent="alice", **PARTIES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CallSid": ""}, "CallSid"),
        ({"CallSid": "../x"}, "CallSid"),
        ({"RecordingSid": "RE/1"}, "RecordingSid"),
        ({"RecordingSid": "", "RecordingUrl": ""}, "RecordingSid"),
        ({"RecordingUrl": "ftp://api.twilio.com/x"}, "RecordingUrl"),
        ({"RecordingUrl": "https://u:p@api.twilio.com/x"}, "RecordingUrl"),
        ({"RecordingChannels": "3"}, "RecordingChannels"),
        ({"RecordingDuration": "-1"}, "RecordingDuration"),
        ({"RecordingDuration": "1" * 8}, "RecordingDuration"),
        ({"RecordingStartTime": "soon"}, "RecordingStartTime"),
        ({"RecordingStartTime": "Thu, 01 Jan 1970 00:00:00 +0000"}, "RecordingStartTime"),
    ],
)
def test_what_cannot_be_meant_is_invalid_and_named(changes: dict[str, str], field: str) -> None:
    """The error names the field and repeats nothing of its value."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(load("recording_completed") | changes))
    assert error.value.field == field
    assert not any(value in str(error.value) for value in changes.values() if len(value) > 2)


def test_the_number_that_was_dialled_is_a_number_of_the_call() -> None:
    """The leg of `<Number>` has the only number of the person who is reached; an agent's browser has none."""
    reached = heard(load("call_child_answered") | {"To": "+14155550187"}).facts
    assert reached == CallFacts(call_ref=CALL, callee="+14155550187", answered_at=at("18:15:41"))
    call = CallFacts(call_ref=CALL, direction="inbound", **PARTIES)
    for pieces in ([call, reached], [reached, call]):
        assert fold(pieces).callee == PARTIES["callee"]
        assert CallClaims.of(pieces).callees == {PARTIES["callee"], "+14155550187"}


def test_a_field_that_says_two_things_is_refused_and_a_repetition_is_not() -> None:
    """The signature does not order repeated values, so neither may their order mean anything."""
    form = list(load("recording_completed").items())
    assert heard([*form, ("RecordingSid", RECORDING), ("CallSid", "")]).announcement == READY
    for order in (1, -1):
        with pytest.raises(Invalid) as error:
            PROVIDER.understand(delivery([*form, ("RecordingSid", "RE" + "0" * 32)][::order]))
        assert error.value.field == "RecordingSid"


def test_a_recording_is_named_by_its_url_where_nothing_else_names_it() -> None:
    """The end of a Dial may tell the URL alone."""
    form = load("dial_action")
    for ending in ("", ".wav", ".mp3"):
        announcement = heard(form | {"RecordingUrl": API + ending}).announcement
        assert announcement is not None
        assert (announcement.recording_ref, announcement.source_ref) == (RECORDING, RECORDING)
    with pytest.raises(Invalid):
        heard(form | {"RecordingUrl": "https://api.twilio.com/else"})


def test_a_recording_without_its_url_is_announced_and_asked_for() -> None:
    """A blank URL is no URL, and the sid is enough."""
    announcement = heard(load("recording_completed") | {"RecordingUrl": ""}).announcement
    assert announcement == replace(READY, url=None)


@pytest.mark.parametrize(
    ("channels", "source", "track", "voices"),
    [
        ("2", "DialVerb", "both", ("caller", "callee")),
        ("2", "StartCallRecordingAPI", "both", ("unknown", "unknown")),
        ("1", "DialVerb", "both", ("all",)),
        ("1", "DialVerb", "", ("all",)),
        ("1", "Conference", "", ("all",)),
        ("1", "StartCallRecordingTwiML", "inbound", ("unknown",)),
        ("1", "RecordVerb", "inbound", ("caller",)),
        ("", "DialVerb", "both", ()),
    ],
)
def test_who_is_heard_on_which_channel(channels: str, source: str, track: str, voices: object) -> None:
    """Only a Dial says who is on which side; otherwise only the number of channels is known."""
    form = load("recording_completed") | {
        "RecordingChannels": channels, "RecordingSource": source, "RecordingTrack": track,
    }  # fmt: skip
    announcement = heard(form).announcement
    assert announcement is not None
    assert announcement.voices == voices


@pytest.mark.parametrize("name", NAMES)
def test_a_malformed_field_is_invalid_or_means_nothing(name: str) -> None:
    """Each field left out, replaced and said twice: Invalid with a field, None or Heard, and nothing else."""
    for form in malformed(load(name)):
        check_invalid_or_content(PROVIDER, delivery(form))


@given(st.binary(max_size=300), st.sampled_from(["GET", "POST"]))
def test_any_bytes_are_understood_or_invalid(raw: bytes, method: str) -> None:
    """Nothing else can happen, whatever the body and the query are."""
    url = "https://vault.example/w?" + raw.decode("latin-1")
    try:
        PROVIDER.understand(replace(delivery(raw, url=url), method=method))
    except Invalid as error:
        assert error.field


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({}, "account_sid"),
        (CREDENTIALS | {"token": "x"}, "credentials"),
        (CREDENTIALS | {"account_sid": "SK" + "0" * 32}, "account_sid"),
        (CREDENTIALS | {"account_sid": ACCOUNT + "0"}, "account_sid"),
        ({"account_sid": ACCOUNT}, "auth_token"),
        (CREDENTIALS | {"auth_token": ""}, "auth_token"),
        (CREDENTIALS | {"auth_token": "a b"}, "auth_token"),
        (CREDENTIALS | {"auth_token": "\ud800"}, "auth_token"),
        (CREDENTIALS | {"shared_key": "x"}, "shared_key_id"),
        (CREDENTIALS | {"shared_key_id": "x"}, "shared_key"),
        (SHARED | {"shared_key_id": "a,b"}, "shared_key_id"),
        (SHARED | {"shared_key": ""}, "shared_key"),
    ],
)
def test_wrong_credentials_are_named(credentials: dict[str, str], field: str) -> None:
    """A missing, a surplus and a malformed part are each named, and no secret is repeated."""
    with pytest.raises(Invalid) as error:
        PROVIDER.check_credentials(credentials)
    assert error.value.field == field
    assert "12345" not in str(error.value)


def test_right_credentials_are_accepted() -> None:
    """With and without a shared key."""
    PROVIDER.check_credentials(CREDENTIALS)
    PROVIDER.check_credentials(SHARED)


def test_an_inbound_call_is_answered_by_its_dialled_leg_alone() -> None:
    """Twilio answers an inbound call itself, which is no talk yet."""
    form = load("call_outbound_answered") | {"Direction": "inbound"}
    assert heard(form).facts.answered_at is None
    assert heard(load("call_child_answered")).facts.answered_at == at("18:15:41")
