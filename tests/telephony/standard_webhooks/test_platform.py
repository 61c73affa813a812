"""The platform's events: what they say, what is refused, and that nothing else can happen."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.calls.call import Announcement, CallFacts, WebhookContent
from vault.domain.calls.provider_api import Delivery, MediaRequest
from vault.errors import Invalid, NotAuthentic
from vault.ports.telephony import Provider
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.signatures.standard_webhooks import sign

NOW = datetime(2026, 1, 31, 9, 30, 10, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PROVIDER: Provider = Platform()
DATA: dict[str, object] = {
    "call_ref": "call-1",
    "direction": "inbound",
    "from": "+1 202-555-0100",
    "to": "+49 (30) 1234-5678",
    "started_at": "2026-01-31T10:28:00.5+01:00",
    "ended_at": "2026-01-31T09:30:00Z",
    "agent": "alice",
    "recording_ref": "recording-1",
    "recording_url": "https://media.example.com/recording-1.wav?signature=s3cret",
}


def delivery(event: object, *, headers: dict[str, str] | None = None) -> Delivery:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Delivery(
        method="POST",
        url="https://vault.example/webhooks/platform/c",
        headers=headers if headers is not None else {"webhook-id": "msg_1"},
        body=body,
        received_at=NOW,
    )


def completed(**changes: object) -> dict[str, object]:
    """Return a recording.completed event with some of its data changed, or absent where None."""
    data = {key: value for key, value in (DATA | changes).items() if value is not None}
    return {"type": "recording.completed", "timestamp": "2026-01-31T09:30:05Z", "data": data}


def test_a_completed_recording_is_understood_whole() -> None:
    """Numbers become E.164, times become UTC, and the delivery has its identity."""
    assert PROVIDER.understand(delivery(completed())) == WebhookContent(
        facts=CallFacts(
            call_ref="call-1",
            direction="inbound",
            caller="+12025550100",
            callee="+493012345678",
            started_at=datetime(2026, 1, 31, 9, 28, 0, 500_000, tzinfo=UTC),
            ended_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
            agent="alice",
        ),
        announcement=Announcement(
            recording_ref="recording-1", url="https://media.example.com/recording-1.wav?signature=s3cret"
        ),
        delivery_id="msg_1",
    )


def test_voices_are_named_by_channel() -> None:
    """Where the platform says who is heard on which channel, it is kept in that order."""
    heard = PROVIDER.understand(delivery(completed(voices=["callee", "caller"])))
    assert heard is not None
    assert heard.announcement is not None
    assert heard.announcement.voices == ("callee", "caller")
    for silent in ({"voices": []}, {}):
        again = PROVIDER.understand(delivery(completed(**silent)))
        assert again is not None
        assert again.announcement is not None
        assert again.announcement.voices == ()


@pytest.mark.parametrize("kind", ["call.started", "call.ended"])
def test_calls_announce_nothing_and_need_only_their_name(kind: str) -> None:
    """What an event does not say is None, and unknown fields are ignored."""
    event = {"type": kind, "data": {"call_ref": "c", "agent": None, "from": "", "new": [1]}, "extra": {}}
    assert PROVIDER.understand(delivery(event)) == WebhookContent(
        facts=CallFacts(call_ref="c"), delivery_id="msg_1"
    )


def test_another_event_concerns_nobody() -> None:
    """An unknown type is None, whatever its data is."""
    assert PROVIDER.understand(delivery({"type": "call.transferred", "data": 7})) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"call_ref": None}, "data.call_ref"),
        ({"call_ref": ""}, "data.call_ref"),
        ({"call_ref": "c" * 201}, "data.call_ref"),
        ({"call_ref": "a\nb"}, "data.call_ref"),
        ({"call_ref": "a\u202eb"}, "data.call_ref"),
        ({"call_ref": "\ud800"}, "data.call_ref"),
        ({"call_ref": 7}, "data.call_ref"),
        ({"recording_ref": None}, "data.recording_ref"),
        ({"recording_ref": "\x00"}, "data.recording_ref"),
        ({"recording_url": None}, "data.recording_url"),
        ({"recording_url": ""}, "data.recording_url"),
        ({"recording_url": "ftp://media.example.com/a"}, "data.recording_url"),
        ({"recording_url": "//media.example.com/a"}, "data.recording_url"),
        ({"recording_url": "https://u:p@media.example.com/a"}, "data.recording_url"),
        ({"recording_url": "https://media.example.com/" + "a" * 4096}, "data.recording_url"),
        ({"recording_url": "https://media.example.com/a\r\nX: y"}, "data.recording_url"),
        ({"recording_url": "https://media.example.com/\u00fc"}, "data.recording_url"),
        ({"recording_url": "https://media.example.com/a b"}, "data.recording_url"),
        ({"recording_url": "https://"}, "data.recording_url"),
        ({"recording_url": ["https://media.example.com/"]}, "data.recording_url"),
        ({"direction": "sideways"}, "data.direction"),
        ({"direction": 1}, "data.direction"),
        ({"from": 12025550100}, "data.from"),
        ({"to": {}}, "data.to"),
        ({"agent": ["alice"]}, "data.agent"),
        ({"started_at": 1769851680}, "data.started_at"),
        ({"started_at": "2026-01-31T09:28:00"}, "data.started_at"),
        ({"ended_at": "0001-01-01T00:00:00Z"}, "data.ended_at"),
        ({"ended_at": "2026-01-31T09:27:59Z", "started_at": "2026-01-31T09:28:00Z"}, "data.ended_at"),
        ({"voices": "caller"}, "data.voices"),
        ({"voices": ["caller", "somebody"]}, "data.voices"),
        ({"voices": [["caller"]]}, "data.voices"),
        ({"voices": ["all"] * 9}, "data.voices"),
    ],
)
def test_what_cannot_be_meant_is_invalid_and_named(changes: dict[str, object], field: str) -> None:
    """The error names the field and repeats nothing of its value."""
    event = completed(**changes)
    if None in changes.values():
        assert next(iter(changes)) not in event["data"]
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(event))
    assert error.value.field == field
    assert "example" not in str(error.value)
    assert "1202555" not in str(error.value)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "type"),
        ({"type": 1}, "type"),
        ({"type": "call.started"}, "data"),
        ({"type": "call.started", "data": []}, "data"),
        ({"type": "call.started", "timestamp": "now", "data": {}}, "timestamp"),
        ({"type": "call.started", "timestamp": 1, "data": {}}, "timestamp"),
        ([], "body"),
        (b"", "body"),
    ],
)
def test_an_envelope_that_is_none_is_invalid(event: object, field: str) -> None:
    """Type, data and timestamp have their shapes."""
    with pytest.raises(Invalid) as error:
        PROVIDER.understand(delivery(event))
    assert error.value.field == field


def test_credentials_are_one_secret() -> None:
    """A missing, a malformed and a surplus field are named; a secret is not repeated."""
    PROVIDER.check_credentials({"secret": SECRET})
    for credentials, field in (
        ({}, "secret"),
        ({"secret": "hunter2"}, "secret"),
        ({"secret": SECRET, "token": "t"}, "credentials"),
    ):
        with pytest.raises(Invalid) as error:
            PROVIDER.check_credentials(credentials)
        assert error.value.field == field
        assert "hunter2" not in str(error.value)


def test_a_delivery_is_proven_by_either_secret() -> None:
    """The previous credentials still count; none at all do not."""
    body = json.dumps(completed()).encode()
    headers = sign(SECRET, delivery_id="msg_1", sent_at=NOW, body=body)
    other = {"secret": "whsec_" + base64.b64encode(bytes(32)).decode()}
    PROVIDER.authenticate(delivery(body, headers=headers), [other, {"secret": SECRET}])
    for credentials in ([], [other], [{}]):
        with pytest.raises(NotAuthentic):
            PROVIDER.authenticate(delivery(body, headers=headers), credentials)


def test_media_is_asked_for_without_credentials() -> None:
    """Any public https host is asked, and no secret goes with it."""
    announcement = Announcement(recording_ref="r", url="https://media.example.com/a")
    assert PROVIDER.media_request(announcement, {"secret": SECRET}) == MediaRequest(
        url="https://media.example.com/a", headers={}, hosts=("*",)
    )


def test_the_example_of_the_setup_is_understood() -> None:
    """What the admin is shown is an event that the vault takes, and plain JSON."""
    setup = json.loads(json.dumps(PROVIDER.setup("https://vault.example/webhooks/platform/c")))
    assert setup["url"] == "https://vault.example/webhooks/platform/c"
    heard = PROVIDER.understand(delivery(setup["example"]))
    assert heard is not None
    assert heard.announcement is not None


leaves = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["call.started", "call.ended", "recording.completed", "x"]) | values},
    optional={
        "timestamp": values,
        "data": st.fixed_dictionaries(
            {}, optional={key: st.just(value) | values for key, value in DATA.items()}
        ),
    },
)


@given(
    body=st.binary() | events.map(lambda event: json.dumps(event).encode()),
    headers=st.dictionaries(st.text(), st.text()),
)
def test_understanding_raises_only_invalid(body: bytes, headers: dict[str, str]) -> None:
    """Whatever the body is, it is understood, or Invalid with the name of a field."""
    try:
        heard = PROVIDER.understand(delivery(body, headers=headers))
    except Invalid as error:
        assert error.field
    else:
        assert heard is None or heard.facts.call_ref


@given(
    body=st.binary(),
    headers=st.dictionaries(st.text() | st.sampled_from(["webhook-id", "webhook-signature"]), st.text()),
    credentials=st.lists(st.dictionaries(st.sampled_from(["secret", "x"]), st.text())),
)
def test_authenticating_raises_only_not_authentic(
    body: bytes, headers: dict[str, str], credentials: list[dict[str, str]]
) -> None:
    """Whatever comes, it is NotAuthentic."""
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(delivery(body, headers=headers), credentials)
