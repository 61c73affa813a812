"""Aircall's events: what they say, and what is refused of them.

The token in Aircall's bodies, which is all that proves them, and the credentials.
"""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.aircall.recorded import (
    CREDENTIALS,
    NAMES,
    PROVIDER,
    RECORDED,
    TOKEN,
    at,
    delivery,
    heard,
    load,
)
from tests.telephony.malformed import WRONG, changed, malformed
from tests.telephony.replies import check_invalid_or_content, check_named_credentials
from vault.domain.calls.call import Announcement, CallFacts, WebhookContent, fold
from vault.errors import Invalid, NotAuthentic
from vault.telephony.providers.aircall.adapter import EVENTS


def test_an_ended_call_is_understood_whole() -> None:
    """Spaces leave the numbers, seconds become UTC, answered stands apart from started."""
    event = load("call_ended")
    assert heard(event) == WebhookContent(
        facts=CallFacts(
            call_ref="812345678",
            direction="inbound",
            caller="+12025550100",
            callee="+442079460958",
            started_at=at("10:28:55"),
            answered_at=at("10:29:00"),
            ended_at=at("10:29:15"),
            agent="Zoë  Example",
        ),
        announcement=replace(RECORDED, url=event["data"]["recording"]),
    )


def test_an_outbound_call_goes_from_our_number_to_theirs() -> None:
    """The line is the caller when we call, and the callee when we are called."""
    facts = heard(load("call_ended_outbound")).facts
    assert (facts.direction, facts.caller, facts.callee) == ("outbound", "+442079460958", "+4930123456")


def test_a_missed_call_of_a_withheld_number_announces_nothing() -> None:
    """Without a user there is no agent, anonymous stays what it is, and null media is no recording."""
    said = heard(load("call_ended_missed"))
    assert (said.facts.caller, said.facts.agent, said.facts.answered_at) == ("anonymous", None, None)
    assert said.announcement is None


def test_a_voicemail_is_a_recording_of_its_own() -> None:
    """It has its own ref, its kind, and the caller alone is heard; its URL may have to be asked for."""
    event = load("call_voicemail_left")
    expected = Announcement(
        recording_ref="812345678/voicemail",
        url=event["data"]["voicemail"],
        source_ref="812345678/voicemail",
        kind="voicemail",
        voices=("caller",),
    )
    assert heard(event).announcement == expected
    event["data"]["voicemail"] = ""
    assert heard(event).announcement == replace(expected, url=None)


def test_of_both_media_the_recording_is_announced_first() -> None:
    """The voicemail of such a call comes in its own event."""
    event = load("call_ended")
    event["data"]["voicemail"] = event["data"]["recording"]
    assert heard(event).announcement.recording_ref == "812345678/recording"
    event["event"] = "call.voicemail_left"
    assert heard(event).announcement.recording_ref == "812345678/voicemail"


@pytest.mark.parametrize(
    ("data", "ref"),
    [
        ({}, "recording"),
        ({"missed_call_reason": "abandoned_in_ivr"}, "voicemail"),
        ({"asset": "https://assets.aircall.io/calls/812345678/voicemail"}, "voicemail"),
        ({"asset": "https://assets.aircall.io/calls/812345678/recording/info"}, "recording"),
        ({"asset": "https://assets.aircall.io/elsewhere"}, "recording"),
    ],
)
def test_assets_without_a_url_are_announced_to_be_asked_for(data: dict[str, str], ref: str) -> None:
    """Everything but the id may be missing; what there is says which of the two media it is."""
    event = load("call_comm_assets_generated")
    event["data"] |= data
    announcement = heard(event).announcement
    assert (announcement.recording_ref, announcement.url) == (f"812345678/{ref}", None)


def test_an_asset_page_alone_tells_that_media_exists() -> None:
    """An ended call with the page and without the URL is asked for."""
    event = load("call_ended")
    event["data"]["recording"] = None
    assert heard(event).announcement == RECORDED


@pytest.mark.parametrize(
    "kind", sorted(set(EVENTS) - {"call.ended", "call.comm_assets_generated", "call.voicemail_left"})
)
def test_other_events_never_announce(kind: str) -> None:
    """Not even with a URL in them: hungup comes before the media is whole."""
    assert heard(load("call_ended") | {"event": kind}).announcement is None


def test_what_does_not_concern_the_vault_is_none() -> None:
    """Whatever their data is."""
    assert PROVIDER.understand(delivery(load("call_tagged"))) is None
    assert PROVIDER.understand(delivery({"event": "integration.deleted", "data": 7})) is None


def test_events_out_of_order_fold_into_the_same_call() -> None:
    """Late events that know less do not take away what is known."""
    pieces = [heard(load(f"call_{name}")).facts for name in ("created", "answered", "hungup", "ended")]
    whole = pieces[-1]
    for order in (pieces, pieces[::-1], [*pieces[2:], *pieces[:2]]):
        assert fold(order) == whole


def test_a_repeated_delivery_announces_the_same_recording() -> None:
    """Signatures in URLs differ from event to event; the recording is the same."""
    first, second = load("call_ended"), load("call_ended") | {"event": "call.comm_assets_generated"}
    second["data"]["recording"] = second["data"]["recording"].replace("aa01", "aa99")
    one, two = heard(first).announcement, heard(second).announcement
    assert one.url != two.url
    assert replace(one, url=None) == replace(two, url=None)


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        (("event",), 7, "event"),
        (("data",), [], "data"),
        (("data", "id"), True, "data.id"),
        (("data", "id"), 0, "data.id"),
        (("data", "id"), "../users", "data.id"),
        (("data", "id"), 10**30, "data.id"),
        (("data", "direction"), "internal", "data.direction"),
        (("data", "started_at"), "1646389735", "data.started_at"),
        (("data", "answered_at"), 1646389740.5, "data.answered_at"),
        (("data", "answered_at"), True, "data.answered_at"),
        (("data", "ended_at"), 1646389755000, "data.ended_at"),
        (("data", "ended_at"), 10**40, "data.ended_at"),
        (("data", "started_at"), 0, "data.started_at"),
        (("data", "raw_digits"), 12025550100, "data.raw_digits"),
        (("data", "number"), "+44", "data.number"),
        (("data", "number", "digits"), 44, "data.number.digits"),
        (("data", "user"), [], "data.user"),
        (("data", "user", "name"), {}, "data.user.name"),
        (("data", "recording"), "javascript:1", "data.recording"),
        (("data", "voicemail"), 1, "data.voicemail"),
        (("data", "asset"), 1, "data.asset"),
    ],
)
def test_what_cannot_be_meant_is_invalid_and_named(path: tuple[str, ...], wrong: object, field: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(changed(load("call_ended"), path, wrong)))
    assert error.value.field == field


@pytest.mark.parametrize("name", NAMES)
def test_every_part_may_be_wrong_and_nothing_but_invalid_is_raised(name: str) -> None:
    """Each field is left out or replaced by each thing that it is not."""
    count = 0
    for event in malformed(load(name)):
        count += 1
        check_invalid_or_content(PROVIDER, delivery(event))
    assert count > len(WRONG)


def test_the_token_in_the_body_proves_a_delivery() -> None:
    """The current and the previous one count, in whichever order."""
    other = CREDENTIALS | {"token": "another"}
    for credentials in ([CREDENTIALS], [other, CREDENTIALS], [CREDENTIALS, other]):
        PROVIDER.authenticate(delivery(load("call_ended")), credentials)


def _unproven() -> list[object]:
    event, text = load("call_ended"), json.dumps(load("call_ended"))
    tokens: list[object] = [
        None,
        "",
        TOKEN[:-1],
        TOKEN + " ",
        TOKEN.upper(),
        [TOKEN],
        {"token": TOKEN},
        0,
        True,
        "\ud800",
    ]
    nested = {"data": {"token": TOKEN}}
    twice = text.replace('"token"', '"token": "x", "token"', 1).encode()
    return [
        *(event | {"token": token} for token in tokens),
        nested,
        twice,
        [event],
        b"",
        b"\xff",
        TOKEN.encode(),
    ]


@pytest.mark.parametrize("event", _unproven())
def test_a_body_without_the_token_is_refused(event: object) -> None:
    """Only the one string, once, at the top of a JSON object, is the proof; headers are none."""
    headers = {"aircall-origin": "webhooks", "x-aircall-signature": TOKEN, "authorization": f"Bearer {TOKEN}"}
    for credentials in ([CREDENTIALS], [CREDENTIALS, {}], [{"token": ""}], []):
        with pytest.raises(NotAuthentic) as error:
            PROVIDER.authenticate(delivery(event, headers), credentials)
        assert TOKEN not in str(error.value)


def test_a_number_is_no_token() -> None:
    """Not even the one that the token's digits are: only a string is compared."""
    for token in (12345, True, None):
        credentials = CREDENTIALS | {"token": str(token)}
        with pytest.raises(NotAuthentic):
            PROVIDER.authenticate(delivery(load("call_ended") | {"token": token}), [credentials])


def test_a_flip_of_any_bit_of_the_token_is_refused() -> None:
    """No character can be another one."""
    event = load("call_ended")
    for position, character in enumerate(TOKEN):
        for bit in range(8):
            token = TOKEN[:position] + chr(ord(character) ^ 1 << bit) + TOKEN[position + 1 :]
            with pytest.raises(NotAuthentic):
                PROVIDER.authenticate(delivery(event | {"token": token}), [CREDENTIALS])


@given(
    body=st.binary()
    | st.dictionaries(st.text() | st.just("token"), st.text() | st.none()).map(
        lambda x: json.dumps(x).encode()
    ),
    headers=st.dictionaries(st.text(), st.text()),
    credentials=st.lists(
        st.dictionaries(st.sampled_from(["token", "x"]), st.text().map(lambda x: f"{x}~secret"))
    ),
)
def test_arbitrary_deliveries_are_not_authentic_and_nothing_worse(
    body: bytes, headers: dict[str, str], credentials: list[dict[str, str]]
) -> None:
    """Whatever comes, it is NotAuthentic, and understood or Invalid."""
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(delivery(body, headers), credentials)
    with pytest.raises(Invalid):
        PROVIDER.understand(delivery(body, headers))


def test_credentials_are_these_three() -> None:
    """A missing, blank, odd or surplus one is named and not repeated."""
    wrong = (
        ({"token": ""}, "token"),
        ({"token": "hunter2 x"}, "token"),
        ({"token": "hünter2"}, "token"),
        ({"api_id": "hunter2:x"}, "api_id"),
        ({"api_token": "hunter2\r\nX: y"}, "api_token"),
        ({"secret": "hunter2"}, "credentials"),
    )
    check_named_credentials(PROVIDER, CREDENTIALS, wrong)
