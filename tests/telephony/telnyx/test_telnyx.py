"""Telnyx's events: what they say, and what is refused of them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.telephony.malformed import WRONG, changed, malformed
from tests.telephony.replies import check_invalid_or_content
from tests.telephony.telnyx.recorded import (
    CONFERENCE,
    LEG,
    NAMED,
    NAMES,
    PROVIDER,
    RECORDING,
    UNNAMED,
    at,
    delivery,
    heard,
    load,
)
from vault.domain.calls.call import CallFacts, WebhookContent, fold
from vault.errors import Invalid


def saved(**changes: object) -> dict[str, Any]:
    """Return a call.recording.saved with some of its payload changed, or absent where None."""
    event = load("call_recording_saved")
    payload = event["data"]["payload"] | changes
    event["data"]["payload"] = {key: value for key, value in payload.items() if value is not None}
    return event


def test_a_saved_recording_is_understood_whole() -> None:
    """The lossless URL is taken, the event's id is the delivery's, and the leg is the call."""
    event = saved()
    assert heard(event) == WebhookContent(
        facts=CallFacts(
            call_ref=LEG,
            caller="+12025550133",
            callee="+12025550131",
            started_at=at("22:20:27.521992"),
            ended_at=at("22:25:19.521992"),
        ),
        announcement=replace(
            NAMED, url=event["data"]["payload"]["recording_urls"]["wav"], voices=("unknown", "unknown")
        ),
        delivery_id="0ccc7b54-4df3-4bca-a65a-3da1ecc777f4",
    )


def test_without_an_id_a_recording_is_called_after_its_leg_and_its_beginning() -> None:
    """As the vendor's model has it: only leg, times, channels and URLs."""
    event = load("call_recording_saved_model")
    said = heard(event)
    url = event["data"]["payload"]["recording_urls"]["mp3"]
    assert said.announcement == replace(UNNAMED, url=url, voices=("all",))
    assert said.facts == CallFacts(
        call_ref=LEG, started_at=at("22:20:27.521992"), ended_at=at("22:25:19.521992")
    )
    del event["data"]["payload"]["recording_started_at"]
    assert heard(event).announcement.recording_ref == f"{LEG}/0ccc7b54-4df3-4bca-a65a-3da1ecc777f5"


def test_a_conference_is_a_call_of_its_own() -> None:
    """It belongs to no leg; without the conference's id the session names it."""
    event = load("conference_recording_saved")
    said = heard(event)
    assert (said.facts.call_ref, said.announcement.recording_ref) == (CONFERENCE, RECORDING)
    del event["data"]["payload"]["conference_id"]
    assert heard(event).facts.call_ref == "428c31b6-abf3-3bc1-b7f4-5013ef9657c1"


def test_the_events_of_a_leg_fold_in_any_order() -> None:
    """Ringing, talking and the end each have their moment; a late event takes nothing away."""
    pieces = [heard(load(name)).facts for name in ("call_initiated", "call_answered", "call_hangup")]
    whole = CallFacts(
        call_ref=LEG,
        direction="inbound",
        caller="+12025550133",
        callee="+12025550131",
        started_at=at("22:20:20.100000"),
        answered_at=at("22:20:25"),
        ended_at=at("22:25:20"),
    )
    for order in (pieces, pieces[::-1], [pieces[1], pieces[2], pieces[0]]):
        assert fold(order) == whole
    assert all(heard(load(name)).announcement is None for name in ("call_initiated", "call_answered"))


def test_a_leg_that_began_without_a_start_time_began_when_it_was_told() -> None:
    """Only call.initiated says so: answered and hangup happen later."""
    for name, started in (("call_initiated", at("22:20:20.200000")), ("call_answered", None)):
        event = load(name)
        del event["data"]["payload"]["start_time"]
        assert heard(event).facts.started_at == started


@pytest.mark.parametrize(
    ("changes", "voices"),
    [
        ({"direction": "incoming"}, ("caller", "callee")),
        ({"direction": "outgoing"}, ("unknown", "unknown")),
        ({}, ("unknown", "unknown")),
        ({"channels": "single"}, ("all",)),
        ({"channels": "quadruple"}, ()),
        ({"channels": None}, ()),
    ],
)
def test_the_first_leg_is_on_channel_a(changes: dict[str, object], voices: tuple[str, ...]) -> None:
    """Only of a call that came in is it known who that is."""
    assert heard(saved(**changes)).announcement.voices == voices


@pytest.mark.parametrize(
    "urls", [None, {}, {"mp3": ""}, {"wav": "gs://bucket/a.wav"}, {"flac": "https://x/"}]
)
def test_a_recording_without_a_url_that_can_be_fetched_is_asked_for(urls: object) -> None:
    """Missing URLs and those of the customer's own bucket are no reason to refuse the event."""
    assert heard(saved(recording_urls=urls)).announcement.url is None


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2018-02-02T22:20:27Z", at("22:20:27")),
        ("2018-02-02T22:20:27.5Z", at("22:20:27.500000")),
        ("2018-02-02T23:20:27.521992123+01:00", at("22:20:27.521992")),
        ("", at("22:20:27.521992")),
    ],
)
def test_times_have_any_fraction_and_offset(written: str, moment: object) -> None:
    """A blank one says nothing, and the recording's own time stands in for it."""
    assert heard(saved(start_time=written)).facts.started_at == moment


def test_numbers_may_be_addresses_or_nothing() -> None:
    """SIP addresses stay as they are; blanks say nothing."""
    facts = heard(saved(**{"from": "sip:alice@example.com", "to": " "})).facts
    assert (facts.caller, facts.callee) == ("sip:alice@example.com", None)


@pytest.mark.parametrize(
    "event",
    [
        {"data": {"event_type": "call.speak.ended", "payload": 7}},
        {"data": {"event_type": "call.recording.error", "payload": {"reason": "x"}}},
    ],
)
def test_what_does_not_concern_the_vault_is_none(event: object) -> None:
    """Whatever their payload is."""
    assert PROVIDER.understand(delivery(event)) is None


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"event_type": "recording_saved", "payload": {}}, "data"),
        ({"data": {"payload": {}}}, "data.event_type"),
        ({"data": {"event_type": "call.hangup"}}, "data.payload.call_leg_id"),
        (
            {"data": {"event_type": "call.recording.saved", "payload": {"call_leg_id": "l"}}},
            "data.payload.recording_id",
        ),
        (b"AccountSid=a&RecordingSid=b", "body"),
    ],
)
def test_an_envelope_of_another_kind_is_invalid(event: object, field: str) -> None:
    """The older API version, a form, and a payload that names nothing."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(event))
    assert error.value.field == field


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        (("id",), 7, "data.id"),
        (("payload",), "x", "data.payload"),
        (("payload", "call_leg_id"), "a\nb", "data.payload.call_leg_id"),
        (("payload", "call_leg_id"), 7, "data.payload.call_leg_id"),
        (("payload", "recording_id"), "../calls", "data.payload.recording_id"),
        (("payload", "recording_id"), "..", "data.payload.recording_id"),
        (("payload", "recording_id"), "a=b", "data.payload.recording_id"),
        (("payload", "recording_urls"), [], "data.payload.recording_urls"),
        (("payload", "recording_urls", "wav"), 7, "data.payload.recording_urls.wav"),
        (("payload", "recording_urls", "wav"), "https://u:p@x/", "data.payload.recording_urls.wav"),
        (("payload", "start_time"), 1517610020, "data.payload.start_time"),
        (("payload", "recording_started_at"), "2018-02-02 22:20:27", "data.payload.recording_started_at"),
        (("payload", "channels"), 2, "data.payload.channels"),
        (("payload", "direction"), "inbound", "data.payload.direction"),
        (("payload", "from"), 12025550133, "data.payload.from"),
    ],
)
def test_what_cannot_be_meant_is_invalid_and_named(path: tuple[str, ...], wrong: object, field: str) -> None:
    """The error names the field and repeats nothing of its value."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(changed(saved(), ("data", *path), wrong)))
    assert error.value.field == field
    assert "2025550" not in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_may_be_wrong_and_nothing_but_invalid_is_raised(name: str) -> None:
    """Each field is left out or replaced by each thing that it is not."""
    count = 0
    for event in malformed(load(name)):
        count += 1
        check_invalid_or_content(PROVIDER, delivery(event))
    assert count > len(WRONG)
