"""What is sent is what the contract says: each type goes through the real sender, and is compared with its example."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from tests.servers.required import go_without
from tests.services.events.receiving import available, endpoint, erased, tell_every_type, told
from tests.support.fast_yaml import load_yaml
from tests.support.service_house import House
from vault.domain.events.event_types import OUTWARD_TYPES

ROOT = Path(__file__).parents[3]
SPECS = ROOT / "tests/web/clients/typescript/node_modules/@asyncapi/specs/schemas"


@cache
def committed(name: str) -> Any:
    """Return a file of the contract."""
    return load_yaml((ROOT / "openapi" / name).read_bytes())


def at(document: Any, reference: str) -> Any:
    """Return what a reference within a document leads to."""
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def by_openapi(name: str) -> tuple[Any, Any]:
    """Return the schema and the example of a type in ``webhooks``."""
    document = committed("openapi.yaml")
    body = document["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
    schema = at(document, body["schema"]["$ref"])
    return schema, schema["examples"][0]


def by_asyncapi(name: str) -> tuple[Any, Any]:
    """Return the schema and the example of a type in the messages of the channel."""
    document = committed("asyncapi.yaml")
    message = at(document, document["channels"]["endpoint"]["messages"][name]["$ref"])
    return at(document, message["payload"]["$ref"]), message["examples"][0]["payload"]


@pytest.mark.parametrize("said_by", [by_openapi, by_asyncapi], ids=["OpenAPI", "AsyncAPI"])
async def test_each_type_is_sent_as_its_example_says(house: House, said_by: Any):
    """Field by field; what differs are ids, time and number, and their form is that of the example."""
    await endpoint(house)
    recording_id = await available(house)
    await told(house)
    house.outside.sent.clear()
    await tell_every_type(house, recording_id)
    sent = {one["type"]: one for one in await told(house)}
    assert sent.keys() == OUTWARD_TYPES.keys()
    for name, event in sent.items():
        schema, example = said_by(name)
        Draft202012Validator(schema).validate(event)
        for own, field in ((event["id"], "id"), (event["timestamp"], "timestamp")):
            assert len(own) == len(example[field])
        assert isinstance(event["sequence"], int)
        of_house = {
            "account": house.account.id,
            **({"recording": recording_id} if "recording" in event["data"] else {}),
        }
        fixed = {"id": event["id"], "timestamp": event["timestamp"], "sequence": event["sequence"]}
        assert event == {**example, **fixed, "data": {**example["data"], **of_house}}
        assert list(event) == list(example)


async def test_what_is_superseded_is_in_the_schema(house: House):
    """It has no reason any more; a type that outlives an erasure has no such field."""
    await endpoint(house)
    recording_id = await available(house)
    await tell_every_type(house, recording_id)
    await erased(house, recording_id)
    superseded = [one for one in await told(house) if "superseded" in one]
    assert {one["type"] for one in superseded} == {
        name for name, kind in OUTWARD_TYPES.items() if not kind.outlives_erasure
    }
    for one in superseded:
        schema, _ = by_openapi(one["type"])
        assert schema["properties"]["superseded"]["type"] == "boolean"
        Draft202012Validator(schema).validate(one)
    assert "superseded" not in by_openapi("recording.erased")[0]["properties"]


def test_both_contracts_have_every_type():
    """And ``VaultEvent`` is any of them."""
    assert list(committed("openapi.yaml")["webhooks"]) == list(OUTWARD_TYPES)
    assert list(committed("asyncapi.yaml")["channels"]["endpoint"]["messages"]) == list(OUTWARD_TYPES)
    union = committed("openapi.yaml")["components"]["schemas"]["VaultEvent"]
    assert list(union["discriminator"]["mapping"]) == list(OUTWARD_TYPES)
    assert [one["$ref"] for one in union["oneOf"]] == list(union["discriminator"]["mapping"].values())


def test_the_schema_of_asyncapi_takes_it():
    """The official one of 3.0.0, which refuses a document without its channel's operation."""
    if not SPECS.exists():
        go_without("needs the npm package @asyncapi/specs: make client-tools")
    validator = Draft7Validator(json.loads((SPECS / "3.0.0.json").read_text()))
    document = committed("asyncapi.yaml")
    assert [error.message for error in validator.iter_errors(document)] == []
    wrong = {**document, "operations": {"sendEvent": {"action": "publish"}}}
    assert not validator.is_valid(wrong)
