"""A call as a whole: shown, found and erased, whether it has recordings or was only announced."""

from datetime import UTC, datetime

import httpx
import pytest

from tests.journeys.tenant import Tenant, moment, tone
from tests.web.conftest import House

CALLER, CALLEE = "+14155550123", "+12125550100"


def told(tenant: Tenant, ref: str, caller: str = CALLER) -> None:
    """Tell of a call."""
    said = {"direction": "inbound", "from": caller, "to": CALLEE, "started_at": moment(datetime.now(UTC))}
    answer = tenant.http.put(tenant.url(f"/calls/{ref}"), json=said | {"agent": "Ada"})
    assert answer.status_code == 200, answer.text


def get(tenant: Tenant, ref: str) -> httpx.Response:
    """Ask for a call."""
    return tenant.http.get(tenant.url(f"/calls/{ref}"))


def erase(tenant: Tenant, ref: str) -> httpx.Response:
    """Erase a call."""
    return tenant.http.delete(tenant.url(f"/calls/{ref}"))


def test_a_call_is_shown_with_its_facts_its_decision_and_its_recordings(tenant: Tenant):
    """Whatever state its recordings are in."""
    told(tenant, "call-1")
    heard = tenant.uploaded(tone(0.1))
    failed = tenant.put(b"no audio", ref="rec-2").json()["id"]
    tenant.wait(failed, "failed")
    said = get(tenant, "call-1").json()
    assert (said["call"]["from"], said["call"]["to"], said["call"]["agent"]) == (CALLER, CALLEE, "Ada")
    assert said["decision"]["verdict"] == "allow"
    assert {one["id"]: one["state"] for one in said["recordings"]} == {heard: "available", failed: "failed"}


def test_a_call_that_was_only_announced_is_shown_and_erased(tenant: Tenant):
    """Its facts are gone when the answer is there, and what is said of it later counts again."""
    told(tenant, "call-1")
    assert get(tenant, "call-1").json()["recordings"] == []
    answer = erase(tenant, "call-1")
    assert (answer.status_code, answer.json()) == (202, {"call_ref": "call-1", "recordings": []})
    assert get(tenant, "call-1").status_code == erase(tenant, "call-1").status_code == 404
    assert tenant.types().count("call.erased") == 1
    told(tenant, "call-1")
    assert tenant.http.put(tenant.url(f"/objections/{CALLER}")).status_code == 201
    assert get(tenant, "call-1").json()["decision"]["record"] is False


def test_erasing_a_call_erases_all_of_its_recordings(tenant: Tenant):
    """A restricted one too; erased once more it changes nothing; another call stays."""
    told(tenant, "call-1")
    first = tenant.uploaded(tone(0.1))
    second = tenant.uploaded(tone(0.1, hertz=300), ref="rec-2")
    other = tenant.uploaded(tone(0.1, hertz=500), call="call-2", ref="rec-3")
    assert tenant.http.put(tenant.url(f"/recordings/{first}/restriction"), json={}).status_code == 200
    for _ in range(2):
        answer = erase(tenant, "call-1")
        assert answer.status_code == 202
        assert {one["id"] for one in answer.json()["recordings"]} == {first, second}
        assert {one["state"] for one in answer.json()["recordings"]} <= {"erasing", "erased"}
        for recording in (first, second):
            assert tenant.wait(recording, "erased")["call"].get("from") is None
    assert tenant.types().count("call.erased") == 1
    assert tenant.types(first).count("recording.erasing") == 1
    assert get(tenant, "call-1").json()["call"].get("from") is None
    assert tenant.get(other)["state"] == "available"
    assert tenant.put(tone(0.1)).status_code == 410


def test_a_no_outlives_the_facts_of_its_call(tenant: Tenant):
    """What a party answered stays, so that what is sent of the call later is refused."""
    told(tenant, "call-1")
    said = {"party": "caller", "event": "declined", "method": "key", "at": moment(datetime.now(UTC))}
    assert tenant.http.post(tenant.url("/calls/call-1/consent"), json=said).status_code == 201
    assert erase(tenant, "call-1").status_code == 202
    answer = tenant.put(tone(0.1))
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "declined")


@pytest.mark.parametrize("ask", [get, erase])
def test_a_call_of_another_account_is_not_there(house: House, tenant: Tenant, ask):
    """As one that nobody ever heard of."""
    other = Tenant.open(house.admin)
    told(other, "theirs")
    answers = [ask(tenant, ref) for ref in ("theirs", "nobodys")]
    assert [one.status_code for one in answers] == [404, 404]
    assert get(other, "theirs").status_code == 200
