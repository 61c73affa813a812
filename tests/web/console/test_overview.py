"""The overview: what needs somebody, the chart with its table, and the poll of an open page."""

import re
from datetime import UTC, datetime, timedelta

from tests.support.console import MARKUP, form_of, furnished, sign_in
from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import AUDIO, House
from vault.database.stores.retention.retention_policies import RetentionRun
from vault.domain.accounts.usage import Kind, UsageCount
from vault.rfc3339 import write_rfc3339
from vault.services.accounts.overview import DAYS, Numbers
from vault.web.console.accounts.overview import by_time_left, counted, days_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def numbers(**more) -> Numbers:
    """Return the numbers of an account."""
    none = {
        "quarantined": {},
        "held": 0,
        "queued": 0,
        "requests_due": {},
    }
    none |= {"retention_run": None, "erasures_waiting": 0, "without_recording": 0}
    return Numbers(**{"counts": [], "log_waiting": 0, "today": 20484} | none | more)


def count(day: int, kind: Kind, number: int) -> UsageCount:
    """Return a count."""
    return UsageCount(day=day, kind=kind, reason="", number=number, milliseconds=0, bytes=0)


def test_the_overview_counts_what_the_account_has(house: House):
    """Three wait, one is available and restricted, and each number leads to its list."""
    tenant, _ = furnished(house)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    page = client.get(base).text
    assert "Today in UTC: 6, available 3, quarantined 3" in page
    assert 'role="img"' in page
    assert f'href="{base}/recordings?from=' in page
    assert "within 30 days" in page
    assert "style=" not in page
    narrow = sign_in(house, tenant.name, "recordings:read").get(base).text
    assert "Open requests" not in narrow


def test_the_switch_says_what_is_lost_with_it(house: House):
    """How many recordings of the quarantine are refused for good, with the way to decide on them first."""
    tenant, _ = furnished(house)
    page = sign_in(house, tenant.name).get(f"/console/accounts/{tenant.name}").text
    said = re.search(r'<dialog id="switch-dialog".*?</dialog>', page, re.DOTALL)
    assert said is not None
    assert "3 recordings are in quarantine. They are refused for good" in said[0]
    assert f'href="/console/accounts/{tenant.name}/quarantine"' in said[0]
    empty = Tenant.open(house.admin)
    assert 'id="lost"' not in sign_in(house, empty.name).get(f"/console/accounts/{empty.name}").text


def test_the_switch_says_who_set_it(house: House, tenant: Tenant):
    """By name, also in its history, and to switch on is no danger."""
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    for enabled in ("off", "on", "off"):
        form = form_of(client.get(base), f"{base}/recording-switch") | {"name": tenant.name}
        assert form["enabled"] == enabled
        assert client.post(f"{base}/recording-switch", data=form).status_code == 303
    page = client.get(base).text
    assert not re.findall(r"\b(?:key|per)_[0-9a-f]{8,}(?![^<]*>)", page)
    assert len(re.findall(r'<bdi class="name" title="key_\w+">test</bdi>', page)) == 4
    assert '<button type="submit" class="primary">Switch recording on</button>' in page
    tenant.switch(enabled=True)
    assert '<button type="submit" class="danger">Switch recording off</button>' in client.get(base).text


def test_a_poll_costs_nothing_while_nothing_changes(house: House):
    """304 with the tag of before; another account's numbers are no page."""
    tenant, ids = furnished(house)
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/numbers"
    first = client.get(path)
    assert "<html" not in first.text
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    tenant.http.post(tenant.url(f"/recordings/{ids['waits-1']}/refusal"), json={"reason": "r"})
    changed = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "refused by a person" in changed.text


def test_the_chart_has_a_day_for_each_day():
    """Bars stack from the axis up, the highest fills the chart, and an empty account has none."""
    days = days_of(
        numbers(
            counts=[
                count(20484, "available", 6),
                count(20484, "failed", 2),
                count(20484, "play", 99),
                count(20480, "erased", 4),
            ]
        )
    )
    assert len(days) == DAYS
    assert [day.total for day in days][-5:] == [4, 0, 0, 0, 8]
    last = days[-1]
    assert last.day.isoformat() == "2026-01-31"
    assert [(bar.outcome, bar.y, bar.height) for bar in last.bars] == [
        ("available", 30.0, 90.0),
        ("failed", 0.0, 30.0),
    ]
    assert all(not day.bars for day in days_of(numbers()))


def test_time_left_is_told_in_words():
    """What is over comes first; a limit says that there may be more."""
    assert by_time_left({None: 1, -1: 2, 0: 3, 1: 4, 6: 5, 7: 6, 30: 7}) == [
        ("overdue", 2), ("today", 3), ("within 7 days", 9), ("within 30 days", 6), ("later", 7), ("no date", 1),
    ]  # fmt: skip
    assert (counted(999), counted(1000)) == ("999", "1,000 or more")


def test_calls_whose_recording_never_came_are_listed(house: House):
    """Not a call that has a recording, and none that ended just now or long ago; the others with what explains them."""
    tenant = Tenant.open(house.admin)
    ends = {"lost": 2, "paused": 3, "fresh": 0.5, "old": 24 * 20, "kept": 2}
    for call, hours in ends.items():
        end = datetime.now(UTC) - timedelta(hours=hours)
        facts = {"direction": "inbound", "from": "+33123456789", "to": "+14155550143", "agent": MARKUP}
        facts |= {"started_at": write_rfc3339(end - timedelta(minutes=2)), "ended_at": write_rfc3339(end)}
        assert house.admin.put(tenant.url(f"/calls/{call}"), json=facts).status_code == 200
    tenant.uploaded(tone(1.0), call="kept")
    listed = house.admin.get(tenant.url("/calls"), params={"without_recording": "true"}).json()["items"]
    assert [one["call_ref"] for one in listed] == ["lost", "paused"]
    client, base = sign_in(house, tenant.name, "recordings:read"), f"/console/accounts/{tenant.name}"
    assert f'<a href="{base}/missing">2</a>' in client.get(base).text
    page = client.get(f"{base}/missing").text
    assert "lost" in page
    assert page.count("<tr>") == 3
    assert MARKUP not in page
    assert '<span class="badge bad">yes</span>' in page


def test_a_search_for_calls_says_what_it_needs(house: House):
    """Neither a number nor the list of missing recordings, or both: 400 that names the field."""
    tenant = Tenant.open(house.admin)
    for asked in ({}, {"number": "+33123456789", "without_recording": "true"}):
        answer = house.admin.get(tenant.url("/calls"), params=asked)
        assert (answer.status_code, answer.json()["field"]) == (422, "number")


def test_what_is_due_and_held_is_shown(house: House):
    """Before the first run that is said; afterwards what it left, and why."""
    tenant = Tenant.open(house.admin)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    assert "Retention has not run yet" in client.get(base).text
    run = RetentionRun(ran_at=NOW, erased=200, residue=1234, outcome="capped")
    house.call(house.vault.database.write, lambda tx: tx.retention.ran(tenant.id, run))
    page = client.get(base).text
    assert "<dd>1,234</dd>" in page
    assert "stopped at its cap" in page


def test_the_usage_is_shown_and_exported(house: House):
    """What is counted stands on the page, in the chart and in the file; a time that is wrong is told at its field."""
    tenant, ids = furnished(house)
    client, base = sign_in(house, tenant.name, "recordings:read"), f"/console/accounts/{tenant.name}"
    page = client.get(f"{base}/usage").text
    today = datetime.now(UTC).date().isoformat()
    assert f"{today}: 6. " in page
    assert "Quarantine, by reason" in page
    rest = house.admin.get(tenant.url("/usage")).json()
    assert (rest["total"]["recordings"], rest["total"]["outcomes"]["available"]) == (6, 3)
    assert rest["total"]["seconds"] == 6
    assert sum(rest["total"]["reasons"]["quarantined"].values()) == 3
    tenant.http.delete(tenant.url(f"/recordings/{ids['waits-1']}"))
    file = client.get(f"{base}/usage/export.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    lines = file.text.splitlines()
    assert lines[0].startswith("start,recordings,available,quarantined,refused,failed,waiting,erased,seconds")
    assert lines[-1].startswith(f"{today},6,3,2,0,0,0,1,5.0,")
    assert len(lines) == 31
    months = client.get(f"{base}/usage", params={"by": "month", "show": "bytes"}).text
    assert f"{today[:7]}: " in months
    for asked in (
        {"from": "yesterday"},
        {"from": "0001-01-01"},
        {"from": today, "to": "2020-01-01"},
        {"by": "age"},
    ):
        wrong = client.get(f"{base}/usage", params=asked)
        assert wrong.status_code == 422, asked
        assert "There is something to mend" in wrong.text
        assert client.get(f"{base}/usage/export.csv", params=asked).status_code == 422
        assert house.admin.get(tenant.url("/usage"), params=asked).status_code == 422


def test_switching_off_says_how_many_calls_run(house: House, tenant: Tenant):
    """One goes on; one has ended, one has its recording, one began two days ago, one is of another account."""
    now = datetime.now(UTC)
    other = Tenant.open(house.admin)
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    assert ">0 calls run now" in client.get(base).text
    begun = moment(now - timedelta(minutes=5))
    reports = [
        (tenant, "runs", {"started_at": begun}),
        (tenant, "ended", {"started_at": begun, "ended_at": moment(now - timedelta(minutes=1))}),
        (tenant, "recorded", {"started_at": begun}),
        (tenant, "old", {"started_at": moment(now - timedelta(days=2))}),
        (other, "elsewhere", {"started_at": begun}),
    ]
    for one, call, times in reports:
        facts = {"direction": "inbound", "from": "+12025550177", "to": "+12025550100"} | times
        assert one.http.put(one.url(f"/calls/{call}"), json=facts).status_code == 200
    tenant.uploaded(AUDIO, call="recorded", ref="recorded")
    page = client.get(base).text
    assert ">1 call runs now, as far as its platform has told. Its recording is refused.<" in page
