"""The list of recordings as a sync reads it: what has changed, and the filters of connection and name."""

from typing import Any

import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.services.recordings import recording_changes


def page(tenant: Tenant, **asked: Any) -> dict[str, Any]:
    """Return a page of recordings."""
    answer = tenant.http.get(tenant.url("/recordings"), params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def changed(tenant: Tenant, since: int, **asked: Any) -> tuple[list[tuple[str, str]], int]:
    """Return what has changed since, name and state, on all pages, and from where to ask again."""
    found: list[tuple[str, str]] = []
    while True:
        got = page(tenant, changed_since=since, **asked)
        assert got["next_cursor"] is None
        found += [(one["recording_ref"], one["state"]) for one in got["items"]]
        since = got["changed_until"]
        if not got["more_changes"]:
            return found, since


def settled(house: House, tenant: Tenant, since: int, expected: list[tuple[str, str]]) -> int:
    """Return from where to ask again, once what was written is in the log."""
    house.call(house.vault.jobs.log_publisher.sequence)
    found, until = changed(tenant, since)
    assert found == expected
    return until


def test_a_sync_sees_each_change_in_its_order(house: House, tenant: Tenant):
    """From the list on: new, restricted, erased; nothing twice once it was seen, and nothing of other accounts."""
    first = tenant.uploaded(AUDIO, ref="r0")
    whole = page(tenant)
    assert whole["more_changes"] is None
    since = settled(house, tenant, whole["changed_until"], [])
    second = tenant.uploaded(AUDIO, ref="r1")
    assert tenant.http.put(tenant.url(f"/recordings/{first}/restriction"), json={}).is_success
    Tenant.open(house.admin).uploaded(AUDIO, ref="other")
    since = settled(house, tenant, since, [("r1", "available"), ("r0", "available")])
    since = settled(house, tenant, since, [])
    assert tenant.http.delete(tenant.url(f"/recordings/{second}")).status_code == 202
    tenant.wait(second, "erased")
    found, _ = changed(tenant, since)
    assert set(found) == {("r1", "erased")}
    everything, _ = changed(tenant, 0)
    assert set(everything) == {("r0", "available"), ("r1", "erased")}


def test_pages_of_changes_are_whole(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """However few entries a page reads, and however few recordings it may have."""
    for number in range(5):
        tenant.uploaded(AUDIO, ref=f"r{number}")
    expected = [(f"r{number}", "available") for number in range(5)]
    for scanned in (1, 3, 500):
        with monkeypatch.context() as patch:
            patch.setattr(recording_changes, "SCANNED", scanned)
            for limit in (1, 2, 5):
                assert changed(tenant, 0, limit=limit)[0] == expected, (scanned, limit)


def test_other_filters_hold_for_changes_too(tenant: Tenant):
    """By call, state, connection and name."""
    tenant.uploaded(AUDIO, call="a", ref="r0")
    tenant.uploaded(AUDIO, call="b", ref="r0")
    announced = tenant.announce("https://media.invalid/x", call="b", ref="r1").json()["recording"]
    assert [name for name, _ in changed(tenant, 0, call="b")[0]] == ["r0"]
    assert changed(tenant, 0, state="failed")[0] == []
    assert [one["id"] for one in page(tenant, connection="main")["items"]] == [announced]
    assert [one["id"] for one in page(tenant, call="b", recording_ref="r1")["items"]] == [announced]
    assert page(tenant, call="a", recording_ref="r1")["items"] == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"changed_since": "0", "cursor": "x"}, "cursor"),
        ({"changed_since": str(2**50)}, "changed_since"),
        ({"connection": "other"}, "connection"),
        ({"recording_ref": "r0"}, "recording_ref"),
    ],
)
def test_what_does_not_go_together_says_so(tenant: Tenant, asked: dict[str, str], field: str):
    """With the field, and what to do."""
    answer = tenant.http.get(tenant.url("/recordings"), params=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
