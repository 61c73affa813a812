"""The contract's schemas of events say what the adapter takes: a client that keeps to them is never refused."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.telephony.http.url import MAX_URL
from vault.telephony.providers.standard_webhooks.adapter import EVENTS, Platform
from vault.web.schemas.calls import webhook_events

NOW = datetime(2026, 1, 31, 9, 30, 10, tzinfo=UTC)
ABSENT = object()
#: By field of ``data``: what the adapter reads, and what both refuse.
RIGHT: dict[str, Any] = {
    "call_ref": "call-1",
    "direction": "inbound",
    "from": "+12025550100",
    "to": "+12025550199",
    "started_at": "2026-01-31T09:28:00Z",
    "ended_at": "2026-01-31T09:30:00Z",
    "agent": "alice",
    "metadata": {"order": " 4711\n", "blank": " "},
    "recording_ref": "recording-1",
    "recording_url": "https://media.example/1.wav",
    "voices": ["caller", "callee"],
}
WRONG: dict[str, list[object]] = {
    "call_ref": ["", 7, "x" * 201],
    "direction": ["up", 7],
    "from": [7, {}],
    "to": [["+1"]],
    "started_at": [7, []],
    "ended_at": [7, []],
    "agent": [7],
    "metadata": [
        [],
        "order",
        {"order": 7},
        {"order": None},
        {"a b": "x"},
        {"": "x"},
        {"k" * 41: "x"},
        {f"k{number}": "x" for number in range(21)},
    ],
    "recording_ref": ["", 7, "x" * 201],
    "recording_url": [7, "https://media.example/" + "x" * MAX_URL],
    "voices": ["caller", ["nobody"], ["caller"] * 9],
}
#: What a schema of JSON cannot say, and the descriptions of the fields do.
TOLD = {
    "call_ref": [" ", "a\nb"],
    "recording_ref": [" ", "a\nb"],
    "recording_url": ["ftp://media.example/1.wav", ""],
    "started_at": ["2026-01-31T09:28:00"],
    "ended_at": ["yesterday"],
}
SCHEMAS = dict(zip(EVENTS, (model.__name__ for model in webhook_events.EVENTS), strict=True))
PARTS = webhook_events.components()
DATA = {
    kind: PARTS[PARTS[name]["properties"]["data"]["$ref"].rpartition("/")[2]]
    for kind, name in SCHEMAS.items()
}


def understood(event: object) -> Any:
    """Return what the adapter makes of an event. Raises Invalid."""
    body = json.dumps(event).encode()
    return Platform().understand(
        Delivery(method="POST", url="https://vault.example/", headers={}, body=body, received_at=NOW)
    )


def fits(kind: str, event: object) -> bool:
    """Return whether the contract's schema takes an event."""
    schema = {"$ref": f"#/components/schemas/{SCHEMAS[kind]}", "components": {"schemas": PARTS}}
    return jsonschema.Draft202012Validator(schema).is_valid(event)


def is_taken(event: object) -> bool:
    """Return whether the adapter takes an event."""
    try:
        return understood(event) is not None
    except Invalid:
        return False


def event_of(kind: str, values: dict[str, object]) -> dict[str, object]:
    """Return an event with these data."""
    data = {name: value for name, value in values.items() if value is not ABSENT}
    return {"type": kind, "timestamp": "2026-01-31T09:30:05Z", "data": data}


@pytest.mark.parametrize("kind", EVENTS)
def test_each_type_has_a_schema_with_the_fields_that_the_adapter_reads(kind: str) -> None:
    """Every field is read, and a field that nobody knows changes nothing."""
    fields = {*DATA[kind]["properties"]}
    recording = {"recording_ref", "recording_url", "voices"}
    assert fields == ({*RIGHT} if kind == "recording.completed" else {*RIGHT} - recording)
    whole = {name: RIGHT[name] for name in fields}
    read = understood(event_of(kind, whole))
    assert read == understood(event_of(kind, whole | {"unknown": {"field": 1}}))
    said = {"call_ref", "direction", "caller", "callee", "started_at", "ended_at", "agent"}
    assert [name for name in said if getattr(read.facts, name) is None] == []
    assert read.metadata == {"order": "4711"}
    assert (read.announcement is not None) is (kind == "recording.completed")


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
def test_the_schema_takes_what_the_adapter_takes(kind: str, data: st.DataObject) -> None:
    """Each field right, wrong, null or absent, in any combination."""
    values = {
        name: data.draw(st.sampled_from([RIGHT[name], RIGHT[name], None, ABSENT, *WRONG[name]]), label=name)
        for name in DATA[kind]["properties"]
    }
    event = event_of(kind, values)
    assert fits(kind, event) is is_taken(event)


@pytest.mark.parametrize("kind", EVENTS)
def test_one_wrong_field_is_wrong_for_both(kind: str) -> None:
    """So that no wrong value hides behind another."""
    whole = {name: RIGHT[name] for name in DATA[kind]["properties"]}
    for name in whole:
        for wrong in (*WRONG[name], ABSENT, None):
            event = event_of(kind, whole | {name: wrong})
            required = name in DATA[kind]["required"]
            expected = not required if wrong in (ABSENT, None) else False
            assert (fits(kind, event), is_taken(event)) == (expected, expected), (name, wrong)
        for told in TOLD.get(name, []):
            assert not is_taken(event_of(kind, whole | {name: told})), (name, told)


def test_other_bodies_are_still_described_and_taken() -> None:
    """An unknown type is ignored, and the contract's body takes it, as it takes another provider's webhook."""
    other = {"type": "call.transferred", "data": 7}
    assert understood(other) is None
    schema = webhook_events.BODY | {"components": {"schemas": PARTS}}
    for body in (other, {"event": "call.created"}, event_of("call.ended", {"call_ref": "call-1"})):
        jsonschema.Draft202012Validator(schema).validate(body)
    assert tuple(webhook_events.BODY["anyOf"][0]["discriminator"]["mapping"]) == EVENTS
