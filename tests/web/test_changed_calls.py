"""The list of calls as a sync reads it: what has changed, and the filters of direction and connection."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House


def page(tenant: Tenant, **asked: Any) -> dict[str, Any]:
    """Return a page of calls."""
    answer = tenant.http.get(tenant.url("/calls"), params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def changed(tenant: Tenant, since: str = "0", **asked: Any) -> tuple[list[dict[str, Any]], str]:
    """Return what has changed since, on all pages, and from where to ask again."""
    found: list[dict[str, Any]] = []
    while True:
        got = page(tenant, changed_since=since, **asked)
        assert got["next_cursor"] is None
        found += got["items"]
        since = got["changed_until"]
        if not got["more_changes"]:
            return found, since


def names(found: list[dict[str, Any]]) -> list[str]:
    """Return the names of calls."""
    return [one["call_ref"] for one in found]


def report(tenant: Tenant, call: str, direction: str = "inbound", **said: Any) -> None:
    """Report a call."""
    body = {"direction": direction, "from": "+12025550100", "to": "+12025550199",
            "started_at": moment(datetime.now(UTC))}  # fmt: skip
    answer = tenant.http.put(tenant.url(f"/calls/{call}"), json=body | said)
    assert answer.status_code == 200, answer.text


def test_a_sync_sees_each_change_of_a_call(house: House, tenant: Tenant):
    """New, reported again, with metadata, erased; nothing twice once it was seen, and nothing of other accounts."""
    for call in ("c1", "c2", "c 3 ü"):
        report(tenant, call, metadata={"order": call})
    report(Tenant.open(house.admin), "theirs")
    found, since = changed(tenant, limit=1)
    assert names(found) == ["c1", "c2", "c 3 ü"]
    assert [one["metadata"]["order"] for one in found] == names(found)
    assert changed(tenant, since) == ([], since)
    report(tenant, "c1", agent="Ada")
    path = tenant.url("/calls/c2")
    assert tenant.http.patch(path, json={"metadata": {"order": "4711"}}).is_success
    found, since = changed(tenant, since)
    assert [(one["call_ref"], one["agent"], one["metadata"]["order"]) for one in found] == [
        ("c1", "Ada", "c1"), ("c2", None, "4711"),
    ]  # fmt: skip
    assert tenant.http.delete(path).status_code == 202
    ((erased,), since) = changed(tenant, since)
    assert (erased["call_ref"], erased["erased"], erased["from"], erased["metadata"]) == (
        "c2",
        True,
        None,
        {},
    )
    report(tenant, "c2")
    assert [one["erased"] for one in changed(tenant, since)[0]] == [False]


def test_a_fact_that_comes_after_the_recording_is_a_change(tenant: Tenant):
    """It goes another way into the vault, because it belongs into the evidence too."""
    report(tenant, "c1")
    tenant.uploaded(AUDIO, call="c1")
    _, since = changed(tenant)
    report(tenant, "c1", agent="Ada")
    assert [one["agent"] for one in changed(tenant, since)[0]] == ["Ada"]


def test_a_direction_is_never_guessed(tenant: Tenant):
    """A call that was reported without one has none; what is erased is in every list."""
    report(tenant, "in")
    report(tenant, "out", "outbound")
    assert tenant.hook("call.ended", call_ref="unknown", **{"from": "+12025550100"}).is_success
    report(tenant, "gone")
    assert tenant.http.delete(tenant.url("/calls/gone")).status_code == 202
    assert names(changed(tenant)[0]) == ["in", "out", "unknown", "gone"]
    assert names(changed(tenant, direction="inbound")[0]) == ["in", "gone"]
    assert names(changed(tenant, direction="outbound")[0]) == ["out", "gone"]
    assert names(page(tenant, number="+12025550100", direction="outbound")["items"]) == ["out"]


def test_calls_of_a_connection(tenant: Tenant):
    """Those of its events, and of the recordings that it announced; not what was reported over REST."""
    report(tenant, "rest")
    assert tenant.hook("call.started", call_ref="hook", **{"from": "+12025550100"}).is_success
    assert tenant.announce("https://media.invalid/x", call="recorded").is_success
    assert names(changed(tenant)[0]) == ["rest", "hook", "recorded"]
    assert names(changed(tenant, connection="main")[0]) == ["hook", "recorded"]
    assert names(page(tenant, number="+12025550100", connection="main")["items"]) == ["hook"]


def test_a_page_that_a_filter_empties_is_not_the_last(tenant: Tenant):
    """Of calls by number too: the cursor goes on behind what the filter left out."""
    for number in range(4):
        report(tenant, f"c{number}", "outbound" if number == 3 else "inbound")
    assert names(changed(tenant, limit=1, direction="outbound")[0]) == ["c3"]
    asked = {"number": "+12025550100", "direction": "outbound", "limit": 2}
    first = page(tenant, **asked)
    assert first["items"] == []
    assert names(page(tenant, cursor=first["next_cursor"], **asked)["items"]) == ["c3"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"changed_since": "0", "cursor": "x"}, "cursor"),
        ({"changed_since": "0", "number": "+12025550100"}, "number"),
        ({"changed_since": "1"}, "changed_since"),
        ({"changed_since": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAgYQ=="}, "changed_since"),
        ({"changed_since": "OTk5OTk5OTk5OTk5OTk5OTk5IGE="}, "changed_since"),
        ({"changed_since": "-1 a"}, "changed_since"),
        ({"changed_since": "0", "connection": "other"}, "connection"),
    ],
)
def test_what_does_not_go_together_says_so(tenant: Tenant, asked: dict[str, str], field: str):
    """With the field, and what to do."""
    answer = tenant.http.get(tenant.url("/calls"), params=asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
