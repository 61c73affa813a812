"""What a developer is told who begins: in words of our own, with the remedy, at the first request."""

import re
from typing import Any, get_args

import httpx
import pytest
from pydantic_core import core_schema

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.web.http.field_messages import MESSAGES, field_message

#: The validator's own words.
WORDS = re.compile(
    r"value error|assertion|input should|should be|should have|should match|valid (string|dict|list|int|number|bool)"
    r"|field required|unable to parse|extra inputs|after validation|to extract fields",
    re.IGNORECASE,
)
#: Types of error that no schema of ours can produce: they are of Python objects, or of types that no field has.
IMPOSSIBLE = re.compile(
    r"no_such_attribute|json_|needs_python|recursion|frozen_(field|instance|dict)|get_attribute|dataclass|named_tuple"
    r"|default_factory|iteration_error|ordered_dict|counter|deque|set_item|missing_sentinel|ellipsis|time_(type|parsing)"
    r"|time_delta|is_instance|is_subclass|callable|argument|url_|uuid_|decimal_|fraction_|complex_"
)
WRONG: list[Any] = [None, True, 1, -1, 1e99, "", " ", "x" * 5000, "\x00", [], [1], {}, {"x": 1}, "2026-01-01"]


def operations(house: House) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and schema of every operation of REST that takes JSON."""
    schema = house.app.openapi()
    found = []
    for place, methods in schema["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if place.startswith("/v1/") and "application/json" in content:
                found.append((method.upper(), place, resolved(schema, content["application/json"]["schema"])))
    return found


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object behind a reference, or behind the choice of one or none."""
    part = next((one for one in part.get("anyOf", []) if one.get("type") != "null"), part)
    name = part.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"][name] if name else part


def filled(tenant: Tenant, place: str) -> str:
    """Return a path with the account's name, and names of nothing."""
    return re.sub(r"\{\w+\}", "x", place.replace("{account}", tenant.name))


def test_json_without_its_type_is_415_with_the_remedy(house: House, tenant: Tenant):
    """As curl and fetch send it when they are told nothing, for every operation."""
    for method, place, _ in operations(house):
        for kind in ("text/plain;charset=UTF-8", "application/x-www-form-urlencoded"):
            answer = house.admin.request(
                method, filled(tenant, place), content=b'{"name": "x"}', headers={"Content-Type": kind}
            )
            assert answer.status_code == 415, (method, place, answer.text)
            assert "Content-Type: application/json" in answer.json()["detail"]


def test_no_word_of_the_validator_reaches_a_developer(house: House, tenant: Tenant):
    """Every operation with each wrong value in all of its fields together, and every body that is no object."""
    seen: set[str] = set()
    for method, place, schema in operations(house):
        bodies: list[Any] = [
            *WRONG,
            *(dict.fromkeys(schema.get("properties", {}), value) for value in WRONG),
        ]
        for body in bodies:
            answer = house.admin.request(method, filled(tenant, place), json=body)
            assert answer.status_code < 500, (method, place, body, answer.text)
            if answer.status_code == 422:
                seen |= {error["message"] for error in answer.json().get("errors", [])}
                assert not WORDS.search(answer.text), (method, place, body, answer.text)
    assert len(seen) > 20, seen


def test_every_error_of_the_validator_has_words_of_ours():
    """A later release may add types of error: each is mapped, or cannot come from a request."""
    types = set(get_args(core_schema.ErrorType)) - {"value_error", "assertion_error"}
    assert {kind for kind in types if kind not in MESSAGES and not IMPOSSIBLE.search(kind)} == set()
    assert field_message({"type": "a_later_one", "msg": "Input should be new"}) == "is not valid"


def test_a_parameter_that_a_route_does_not_take_is_refused(tenant: Tenant):
    """A misspelt one had no effect, without a word."""
    place = tenant.url("/calls/c/recordings/r")
    answer = tenant.http.put(place, content=AUDIO, params={"voice": "caller"})
    assert (answer.status_code, answer.json()["field"]) == (422, "voice")
    assert tenant.http.put(place, content=AUDIO, params={"voices": ["caller"]}).status_code == 201


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://93.184.216.34/x.wav", "https and port 443"),
        ("https://media.example:8443/x.wav", "https and port 443"),
        ("https://10.0.0.1/x.wav", "not fetched from"),
        ("https://[::1]/x.wav", "not fetched from"),
        ("https://169.254.169.254/x.wav", "not fetched from"),
        ("https://media.example/" + "x" * 5000, "4096"),
        ("ftp://media.example/x.wav", "https URL"),
    ],
)
def test_a_url_that_can_never_be_fetched_is_422(tenant: Tenant, url: str, said: str):
    """At once, by webhook and by retry, and nothing is stored."""
    answer = tenant.announce(url)
    assert (answer.status_code, answer.json()["field"]) == (422, "data.recording_url"), answer.text
    assert said in answer.json()["detail"]
    assert tenant.http.get(tenant.url("/recordings")).json()["items"] == []
    assert tenant.http.get(tenant.url("/calls/call-1")).status_code == 404


def test_a_call_that_ends_before_it_starts_is_422(tenant: Tenant):
    """Both times are of one clock."""
    said = {
        "direction": "inbound", "from": "+14155550142", "to": "+14155550143",
        "started_at": "2026-01-31T10:00:00Z", "ended_at": "2026-01-31T09:00:00Z",
    }  # fmt: skip
    answer = tenant.http.put(tenant.url("/calls/c"), json=said)
    assert answer.status_code == 422
    assert "ended_at must not be before started_at" in answer.json()["detail"]


def test_audio_that_cannot_be_played_says_why(tenant: Tenant):
    """With the code that the refusal of a link has."""
    recording = tenant.uploaded(AUDIO)
    restricted = tenant.http.put(tenant.url(f"/recordings/{recording}/restriction"), json={"reason": "x"})
    assert restricted.status_code == 200, restricted.text
    audio = tenant.http.get(tenant.url(f"/recordings/{recording}/audio"))
    link = tenant.http.post(tenant.url(f"/recordings/{recording}/links"), json={"listener": "Kim"})
    assert (audio.status_code, audio.json()["reasons"]) == (404, ["restricted"])
    assert (link.status_code, link.json()["reasons"]) == (409, ["restricted"])


def test_a_retry_has_a_contract(tenant: Tenant):
    """POST …/retry: 202 with the recording, once for each Idempotency-Key; its attempts are shown."""
    recording = tenant.announce("https://nowhere.invalid/x.wav").json()["recording"]
    waiting = tenant.wait(recording, "retry_wait")
    assert waiting["fetch"]["attempts"] >= 1
    assert waiting["fetch"]["next_attempt_at"] < waiting["fetch"]["fails_by"]
    place = tenant.url(f"/recordings/{recording}/retry")
    answers: list[httpx.Response] = [
        tenant.http.post(
            place, json={"recording_url": "https://other.invalid/x"}, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    assert answers[0].json() == answers[1].json()
    assert tenant.http.post(place).status_code == 202
    wrong = tenant.http.post(place, json={"recording_url": "https://10.0.0.1/x"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "recording_url")
