"""Requests of authorities for preservation: their holds follow the numbers that are added, and nothing ends a hold."""

from typing import Any

import httpx
import pytest

from tests.support.console import form_of, sign_in
from tests.support.register_entries import REQUEST, field_of, request
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

A, B = "+14155550155", "+14155550166"
PRESERVATION = {"kind": "preservation", "numbers": [A]}


def uploaded(tenant: Tenant, number: str) -> str:
    """Return a recording of a call of this number."""
    call = f"c-{number[1:]}"
    facts = {
        "direction": "inbound",
        "from": number,
        "to": "+14155550100",
        "started_at": "2026-05-04T09:30:00Z",
    }
    assert tenant.http.put(tenant.url(f"/calls/{call}"), json=facts).status_code in {200, 201}
    return tenant.uploaded(AUDIO, call=call, ref=f"r-{number[1:]}")


def patch(tenant: Tenant, entry: dict[str, Any], **said: object) -> httpx.Response:
    """Change a request."""
    return tenant.http.patch(tenant.url(f"/authority-requests/{entry['id']}"), json=said)


def read(tenant: Tenant, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a request as it is now."""
    found: dict[str, Any] = tenant.http.get(tenant.url(f"/authority-requests/{entry['id']}")).json()
    return found


def holds(tenant: Tenant) -> list[dict[str, Any]]:
    """Return the holds."""
    found: list[dict[str, Any]] = tenant.http.get(tenant.url("/holds")).json()["items"]
    return found


def erase(tenant: Tenant, recording: str) -> httpx.Response:
    """Erase a recording."""
    return tenant.http.delete(tenant.url(f"/recordings/{recording}"))


def test_an_added_number_is_held_before_the_answer(tenant: Tenant):
    """A further hold is on the added number alone, and the entry names both."""
    recording = uploaded(tenant, B)
    entry = request(tenant, **PRESERVATION)
    assert entry["holds"] == [entry["hold"]]
    changed = patch(tenant, entry, numbers=[A, B])
    assert changed.status_code == 200, changed.text
    first, further = changed.json()["holds"]
    assert (first, changed.json()["hold"]) == (entry["hold"], first)
    assert read(tenant, entry)["holds"] == [first, further]
    hold = tenant.http.get(tenant.url(f"/holds/{further}")).json()
    assert (hold["covers"]["numbers"], hold["bound"], hold["ends_at"]) == ([B], 1, "2026-03-15T00:00:00.000Z")
    assert (hold["name"], hold["reason"]) == (REQUEST["authority"], REQUEST["instrument"])
    refused = erase(tenant, recording)
    assert (refused.status_code, refused.json()["holds"]) == (409, [further])
    assert tenant.types().count("hold.placed") == 2


def test_a_number_that_is_taken_out_stays_held(tenant: Tenant):
    """The entry no longer has it; its hold goes on until somebody releases it."""
    recording = uploaded(tenant, A)
    entry = request(tenant, **PRESERVATION | {"numbers": [A, B]})
    changed = patch(tenant, entry, numbers=[B])
    assert (changed.json()["numbers"], changed.json()["holds"]) == ([B], [entry["hold"]])
    assert erase(tenant, recording).status_code == 409
    # In the list again, it has a hold of its own: the first may be released by then.
    assert len(patch(tenant, entry, numbers=[B, A]).json()["holds"]) == 2


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ({"reviewer": "Ada Byron"}, 1),
        ({"numbers": [A]}, 1),
        ({"due_at": "2026-09-01T00:00:00Z"}, 1),
        ({"period_to": "2026-05-30T00:00:00Z"}, 1),
        ({"period_to": "2026-07-01T00:00:00Z"}, 2),
        ({"period_to": None}, 2),
        ({"period_from": "2026-04-01T00:00:00Z"}, 2),
    ],
    ids=str,
)
def test_a_longer_time_is_held_too(tenant: Tenant, said: dict[str, object], held: int):
    """Calls that a change adds by time are held as those that it adds by number; nothing else places a hold."""
    times = {"period_from": "2026-05-01T00:00:00Z", "period_to": "2026-06-01T00:00:00Z"}
    entry = request(tenant, **PRESERVATION | times)
    changed = patch(tenant, entry, **said)
    assert changed.status_code == 200, changed.text
    assert len(changed.json()["holds"]) == len(holds(tenant)) == held
    newest = tenant.http.get(tenant.url(f"/holds/{changed.json()['holds'][-1]}")).json()["covers"]
    if held == 2:
        assert newest["numbers"] == [A]
        for name in ("period_from", "period_to"):
            assert newest.get(name.removeprefix("period_")) == changed.json().get(name)


def test_a_wrong_added_number_changes_nothing(tenant: Tenant):
    """422 names its place in the body, as when the request is entered."""
    entry = request(tenant, **PRESERVATION)
    before = read(tenant, entry)
    refused = patch(tenant, entry, numbers=[A, B, "LEAKME"], reviewer="Ada Byron")
    assert field_of(refused) == "numbers.2"
    assert "LEAKME" not in refused.text
    assert read(tenant, entry) == before
    assert len(holds(tenant)) == 1


def test_without_room_for_a_hold_nothing_changes(tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """The change is refused as a whole."""
    entry = request(tenant, **PRESERVATION)
    before = read(tenant, entry)
    monkeypatch.setattr("vault.services.retention.place_hold.MAX_HOLDS", 1)
    refused = patch(tenant, entry, numbers=[A, B], reviewer="Ada Byron")
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["too_many_holds"])
    assert read(tenant, entry) == before
    # What needs no hold is changed.
    assert patch(tenant, entry, reviewer="Ada Byron").status_code == 200


def test_other_kinds_hold_nothing(tenant: Tenant):
    """A warrant may name more numbers; it keeps nothing from being erased."""
    entry = request(tenant)
    assert patch(tenant, entry, numbers=[A, B]).json()["holds"] == []
    assert holds(tenant) == []


def test_the_console_holds_an_added_number(house: House, tenant: Tenant):
    """By its form, which shows a wrong number at its field."""
    entry = request(tenant, **PRESERVATION)
    client = sign_in(house, tenant.name)
    path = f"/console/accounts/{tenant.name}/registers/authorities/{entry['id']}"
    form = form_of(client.get(path), path) | {"numbers": f"{A}\n{B}\nLEAKME"}
    wrong = client.post(path, data=form)
    assert (wrong.status_code, 'id="wrong-numbers">Entry 3: ' in wrong.text) == (422, True)
    done = client.post(path, data=form | {"nonce": "2", "numbers": f"{A}\n{B}"})
    assert done.status_code == 303, done.text
    found = read(tenant, entry)["holds"]
    assert len(found) == 2
    page = client.get(path).text
    assert all(f"/holds/{hold}" in page for hold in found)


@pytest.mark.parametrize("kind", ["preservation", "warrant"])
def test_a_request_of_the_future_is_refused(tenant: Tenant, kind: str):
    """Of each kind, also one whose day of review would be after the year 9999."""
    for at in ("9999-12-31T00:00:00Z", "2099-01-01T00:00:00Z"):
        refused = tenant.http.post(
            tenant.url("/authority-requests"),
            json={**REQUEST, "kind": kind, "received_at": at, "due_at": None},
        )
        assert field_of(refused) == "received_at"
    assert holds(tenant) == []


def test_the_console_refuses_a_request_of_the_future(house: House, tenant: Tenant):
    """At its field."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/registers/authorities"
    form = form_of(client.get(f"{path}/new"), path) | {
        "received_at": "9999-12-31T00:00",
        "kind": "preservation",
    }
    wrong = client.post(
        path,
        data=form | {"authority": "A", "country": "FR", "numbers": A, "scope": "both", "access": "stored"},
    )
    assert (wrong.status_code, 'id="wrong-received_at"' in wrong.text) == (422, True)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"numbers": [f"+1415555{number:04}" for number in range(501)]}, "numbers"),
        ({"numbers": [A, "LEAKME"]}, "numbers.1"),
        ({"authority": " "}, "authority"),
        ({"period_from": "2026-05-01T00:00:00Z", "period_to": "2026-05-01T00:00:00Z"}, "period_to"),
    ],
    ids=["501", "number", "authority", "period"],
)
def test_errors_name_fields_of_the_request(tenant: Tenant, said: dict[str, object], field: str):
    """Not those of the hold that it places."""
    refused = tenant.http.post(tenant.url("/authority-requests"), json=REQUEST | PRESERVATION | said)
    assert field_of(refused) == field
    assert not {"covers", "name", "LEAKME"} & set(refused.json()["detail"].replace(".", " ").split())
    assert holds(tenant) == []


def test_a_document_of_blanks_is_no_reason(tenant: Tenant):
    """The hold has the kind as its reason, as without a document."""
    entry = request(tenant, **PRESERVATION | {"instrument": "  "})
    assert tenant.http.get(tenant.url(f"/holds/{entry['hold']}")).json()["reason"] == "preservation"


def test_a_recording_says_whether_a_hold_keeps_it(tenant: Tenant):
    """Read alone and in a list, each for itself."""
    held, free = uploaded(tenant, A), uploaded(tenant, B)
    request(tenant, **PRESERVATION)
    listed = tenant.http.get(tenant.url("/recordings")).json()["items"]
    assert {one["id"]: one["flags"]["legal_hold"] for one in listed} == {held: True, free: False}
    assert [tenant.get(one)["flags"]["legal_hold"] for one in (held, free)] == [True, False]
