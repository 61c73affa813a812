"""Metadata of calls and recordings over REST: set, changed, found by exact value, shown to the account alone."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House
from vault.domain.calls.metadata import MAX_KEYS, MAX_VALUE

MANY = {f"key{number}": "value" for number in range(MAX_KEYS)}


def report(tenant: Tenant, call: str = "call-1", **said: Any) -> httpx.Response:
    """Report a call."""
    body = {"direction": "inbound", "from": "+12025550100", "to": "+12025550199",
            "started_at": moment(datetime.now(UTC))}  # fmt: skip
    return tenant.http.put(tenant.url(f"/calls/{call}"), json=body | said)


def patch(tenant: Tenant, path: str, **metadata: str | None) -> httpx.Response:
    """Change metadata."""
    return tenant.http.patch(tenant.url(path), json={"metadata": metadata})


def of_call(tenant: Tenant, call: str = "call-1") -> dict[str, str]:
    """Return the metadata of a call."""
    answer = tenant.http.get(tenant.url(f"/calls/{call}"))
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["call"]["metadata"])


def found(tenant: Tenant, path: str, *terms: str) -> list[str]:
    """Return the names of what is found by metadata."""
    answer = tenant.http.get(tenant.url(path), params={"metadata": list(terms)})
    assert answer.status_code == 200, answer.text
    return sorted(one.get("recording_ref", one.get("call_ref")) for one in answer.json()["items"])


def test_metadata_of_a_call_is_merged(tenant: Tenant):
    """A call start, a webhook and a patch each set their keys; null removes one."""
    assert report(tenant, metadata={"order": "4711", "team": "north"}).status_code == 200
    assert report(tenant).status_code == 200
    assert of_call(tenant) == {"order": "4711", "team": "north"}
    assert tenant.hook("call.ended", call_ref="call-1", metadata={"team": "south\n", "x": " "}).is_success
    assert of_call(tenant) == {"order": "4711", "team": "south"}
    changed = patch(tenant, "/calls/call-1", order=None, **{"crm.id": "Ünï 📞"})
    assert changed.json() == {"metadata": {"team": "south", "crm.id": "Ünï 📞"}}
    assert of_call(tenant) == {"team": "south", "crm.id": "Ünï 📞"}
    listed = tenant.http.get(tenant.url("/calls"), params={"number": "+12025550100"}).json()["items"]
    assert [one["metadata"] for one in listed] == [{"team": "south", "crm.id": "Ünï 📞"}]


def test_a_repeated_webhook_overwrites_nothing(tenant: Tenant):
    """It may come after a patch: its retry brings only keys that are missing."""
    assert tenant.hook(
        "call.started", delivery="d1", call_ref="call-1", metadata={"a": "1", "b": "1"}
    ).is_success
    assert patch(tenant, "/calls/call-1", a="2", b=None).is_success
    again = tenant.hook("call.started", delivery="d1", call_ref="call-1", metadata={"a": "1", "c": "1"})
    assert again.json()["status"] == "duplicate"
    assert of_call(tenant) == {"a": "2", "c": "1"}


def test_a_recording_has_its_own_beside_that_of_its_call(tenant: Tenant):
    """Both are shown with it, and it is found by both; by value and capitals, and by all that is asked for."""
    assert report(tenant, metadata={"order": "4711"}).is_success
    first = tenant.uploaded(AUDIO, ref="r1")
    tenant.uploaded(AUDIO, ref="r2")
    assert patch(tenant, f"/recordings/{first}", ticket="Q-1", order="9").json()["metadata"] == {
        "ticket": "Q-1", "order": "9"
    }  # fmt: skip
    got = tenant.get(first)
    assert (got["metadata"], got["call"]["metadata"]) == ({"ticket": "Q-1", "order": "9"}, {"order": "4711"})
    assert found(tenant, "/recordings", "order:4711") == ["r1", "r2"]
    assert found(tenant, "/recordings", "order:4711", "ticket:Q-1") == ["r1"]
    assert found(tenant, "/recordings", "order:9") == ["r1"]
    for other in ("order:471", "order:4711 ", "ticket:q-1", "Ticket:Q-1", "ticket:4711"):
        assert found(tenant, "/recordings", other) == [], other
    assert found(tenant, "/calls", "order:4711") == ["call-1"]
    assert found(tenant, "/calls", "order:9") == []


def test_a_value_is_found_until_it_is_changed(tenant: Tenant):
    """The old value finds nothing any more, also one with a colon."""
    assert report(tenant, metadata={"url": "a:b", "keep": "1"}).is_success
    assert found(tenant, "/calls", "url:a:b", "keep:1") == ["call-1"]
    assert patch(tenant, "/calls/call-1", url="c").is_success
    assert found(tenant, "/calls", "url:a:b") == []
    assert found(tenant, "/calls", "url:c", "keep:1") == ["call-1"]
    assert patch(tenant, "/calls/call-1", url=None).is_success
    assert found(tenant, "/calls", "url:c") == []


def test_calls_with_a_value_come_in_pages(tenant: Tenant):
    """By name, each once."""
    for number in range(5):
        assert report(tenant, call=f"c{number}", metadata={"team": "north", "n": str(number)}).is_success
    names, cursor = list[str](), None
    while True:
        asked = {"metadata": "team:north", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = tenant.http.get(tenant.url("/calls"), params=asked).json()
        names += [one["call_ref"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert names == [f"c{number}" for number in range(5)]


def test_it_is_erased_with_its_call_and_its_recording(tenant: Tenant):
    """Neither is shown or found, and a late webhook brings nothing back."""
    assert report(tenant, metadata={"order": "4711"}).is_success
    first, second = tenant.uploaded(AUDIO, ref="r1"), tenant.uploaded(AUDIO, ref="r2")
    for one in (first, second):
        assert patch(tenant, f"/recordings/{one}", own="x").is_success
    assert tenant.http.delete(tenant.url(f"/recordings/{first}")).status_code == 202
    assert (tenant.get(first)["metadata"], tenant.get(first)["call"]["metadata"]) == ({}, {})
    assert found(tenant, "/recordings", "own:x") == ["r2"]
    assert patch(tenant, f"/recordings/{first}", own="y").status_code == 410
    assert of_call(tenant) == {"order": "4711"}
    assert tenant.http.delete(tenant.url("/calls/call-1")).status_code == 202
    assert found(tenant, "/recordings", "own:x") == found(tenant, "/calls", "order:4711") == []
    assert of_call(tenant) == {}
    assert patch(tenant, "/calls/call-1", order="1").status_code == 404


def test_a_sync_sees_that_metadata_of_a_recording_changed(house: House, tenant: Tenant):
    """In the changes of recordings; what sets the same again is no change."""
    recording = tenant.uploaded(AUDIO)
    house.call(house.vault.jobs.log_publisher.sequence)
    until = tenant.http.get(tenant.url("/recordings")).json()["changed_until"]
    for expected in (1, 0):
        assert patch(tenant, f"/recordings/{recording}", a="1").is_success
        house.call(house.vault.jobs.log_publisher.sequence)
        page = tenant.http.get(tenant.url("/recordings"), params={"changed_since": until}).json()
        assert len(page["items"]) == expected
        until = page["changed_until"]
    assert tenant.types(recording).count("metadata.changed") == 1


def test_a_hold_keeps_what_is_there(tenant: Tenant):
    """Keys can be added; a webhook that would change one is taken without it, and says so."""
    assert report(tenant, metadata={"a": "1"}).is_success
    recording = tenant.uploaded(AUDIO)
    assert patch(tenant, f"/recordings/{recording}", a="1").is_success
    hold = {"name": "h", "reason": "r", "covers": {"calls": ["call-1"]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code == 201
    for path in ("/calls/call-1", f"/recordings/{recording}"):
        assert patch(tenant, path, b="2").json() == {"metadata": {"a": "1", "b": "2"}}
        for change in ("2", None):
            refused = patch(tenant, path, a=change)
            assert (refused.status_code, refused.json()["reasons"]) == (409, ["held"])
    answer = tenant.hook("call.ended", call_ref="call-1", metadata={"a": "3", "c": "3"})
    assert answer.json()["status"] == "noted"
    assert "hold" in answer.json()["detail"]
    assert of_call(tenant) == {"a": "1", "b": "2"}


def test_a_restricted_recording_is_left_as_it_is(tenant: Tenant):
    """Until that is lifted."""
    recording = tenant.uploaded(AUDIO)
    assert tenant.http.put(tenant.url(f"/recordings/{recording}/restriction"), json={}).is_success
    refused = patch(tenant, f"/recordings/{recording}", a="1")
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["restricted"])


def test_too_many_keys(tenant: Tenant):
    """Over all requests together; a webhook is taken without them, and says so."""
    assert report(tenant, metadata=MANY).is_success
    for answer in (patch(tenant, "/calls/call-1", more="x"), report(tenant, metadata={"more": "x"})):
        assert (answer.status_code, answer.json()["field"]) == (422, "metadata")
    told = tenant.announce("https://media.invalid/x", metadata={"more": "x"}).json()
    assert told["status"] == "accepted"
    assert "20" in told["detail"]
    assert patch(tenant, "/calls/call-1", key0=None, more="x").is_success
    assert of_call(tenant) == {**{k: v for k, v in MANY.items() if k != "key0"}, "more": "x"}


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"a b": "1"}, "metadata"),
        ({"": "1"}, "metadata"),
        ({"k" * 41: "1"}, "metadata"),
        ({"k\n": "1"}, "metadata"),
        ({"a": ""}, "metadata.a"),
        ({"a": "x" * (MAX_VALUE + 1)}, "metadata.a"),
        ({"a": "x\x00"}, "metadata.a"),
        ({"a": 1}, "metadata.a"),
        ({"a": {"b": "c"}}, "metadata.a"),
        (MANY | {"more": "x"}, "metadata"),
        ([], "metadata"),
    ],
)
def test_what_is_no_metadata_says_so(tenant: Tenant, metadata: Any, field: str):
    """With the field, in the call start and in the patch."""
    answers = [report(tenant, metadata=metadata)]
    if metadata != MANY | {"more": "x"}:
        answers.append(tenant.http.patch(tenant.url("/calls/call-1"), json={"metadata": metadata}))
    for answer in answers:
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("term", ["order", "a b:c", ":x", "é:x", "x" * 41 + ":y"])
@pytest.mark.parametrize("path", ["/calls", "/recordings"])
def test_what_is_no_term_says_so(tenant: Tenant, path: str, term: str):
    """A key, a colon, and the value."""
    answer = tenant.http.get(tenant.url(path), params={"metadata": term})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.metadata.0")


def test_a_key_that_may_not_read_is_told_nothing(house: House, tenant: Tenant):
    """It sets metadata, and sees none, nor that of its own uploads."""
    assert report(tenant, metadata={"order": "4711"}).is_success
    recording = tenant.uploaded(AUDIO)
    made = tenant.http.post(
        "/v1/keys", json={"account": tenant.name, "name": "w", "scopes": ["links:write", "ingest"]}
    )
    with httpx.Client(
        base_url=house.url, headers={"authorization": f"Bearer {made.json()['key']}"}
    ) as writer:
        for path in ("/calls/call-1", f"/recordings/{recording}"):
            answer = writer.patch(tenant.url(path), json={"metadata": {"x": "1"}})
            assert (answer.status_code, answer.json()) == (200, {"metadata": None})
        again = writer.put(tenant.url("/calls/call-1/recordings/rec-1"), content=AUDIO).json()
        assert (again["metadata"], again["call"]) == (None, None)
    assert of_call(tenant) == {"order": "4711", "x": "1"}


def test_metadata_of_others_is_not_found(house: House, tenant: Tenant):
    """Neither by its value, nor by the names of what has it."""
    other = Tenant.open(house.admin)
    assert report(other, metadata={"order": "4711"}).is_success
    recording = other.uploaded(AUDIO)
    assert found(tenant, "/calls", "order:4711") == found(tenant, "/recordings", "order:4711") == []
    assert patch(tenant, "/calls/call-1", a="1").status_code == 404
    assert patch(tenant, f"/recordings/{recording}", a="1").status_code == 404
