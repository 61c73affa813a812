"""What the delivery log calls an event: the platform's own name, and never a number, an id or a text."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.by_provider import payloads_of
from vault.domain.calls.delivery_entry import event_name
from vault.domain.calls.provider_api import Delivery
from vault.ports.telephony import Provider
from vault.telephony.registry import PROVIDERS

#: By provider, of recorded payloads.
NAMES = {
    ("aircall", "call_created.json"): "call.created",
    ("aircall", "call_tagged.json"): "call.tagged",
    ("signalwire", "recording_completed.form"): "RecordingStatus completed",
    ("signalwire", "call_completed.form"): "CallStatus completed",
    ("telnyx", "call_recording_saved.json"): "call.recording.saved",
    ("telnyx", "texml_recording_completed.form"): "RecordingStatus completed",
    ("twilio", "call_ringing.form"): "CallStatus ringing",
    ("vonage", "completed.json"): "completed",
    ("vonage", "record_get.txt"): None,
    ("plivo", "hangup.txt"): "Hangup",
    ("telnyx", "call_hangup.json"): "call.hangup",
}


def name_of(provider: Provider, file: Path) -> str | None:
    """Return what the log would show of a recorded webhook: JSON, a form in lines, or the query of a GET."""
    body, is_get = file.read_bytes(), file.stem.endswith("_get")
    body = body if file.suffix == ".json" else body.replace(b"\n", b"")
    kind = "application/json" if file.suffix == ".json" else "application/x-www-form-urlencoded"
    query = f"?{body.decode()}" if is_get else ""
    delivery = Delivery(
        method="GET" if is_get else "POST",
        url=f"https://vault.example/webhooks/{provider.name}/conn_1{query}",
        headers={"content-type": kind},
        body=b"" if is_get else body,
        received_at=datetime.now(UTC),
    )
    return event_name(provider.event_name(delivery))


def recorded() -> list[tuple[Provider, Path]]:
    """Return each recorded webhook."""
    files = [(one, file) for one in PROVIDERS for file in sorted(payloads_of(one).glob("*"))]
    return [(one, file) for one, file in files if not file.name.startswith("rest_")]


@pytest.mark.parametrize(("provider", "file"), recorded(), ids=lambda one: getattr(one, "name", str(one)))
def test_a_recorded_event_has_the_name_of_its_platform(provider: Provider, file: Path):
    """A name of letters, or none; where one is known, that."""
    found = name_of(provider, file)
    assert found is None or not any(letter.isdigit() for letter in found)
    assert found == NAMES.get((provider.name, file.name), found)


def test_each_known_name_is_of_a_recorded_event():
    """And nothing above is left out."""
    assert set(NAMES) <= {(one.name, file.name) for one, file in recorded()}


@pytest.mark.parametrize(
    "text",
    [
        "call +12025550143",
        "call.4915112345678",
        "https://x.example/a",
        "a" * 33,
        "",
        "x\n",
        "anna@acme.example",
        None,
        7,
    ],
)
def test_what_is_no_name_is_not_shown(text: object):
    """Whatever a platform writes there."""
    assert event_name(text) is None
