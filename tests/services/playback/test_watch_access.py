"""What is unusual: a key or a listener that gets far more recordings in an hour than in any other."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.services.events.receiving import ME, endpoint, told
from tests.support.parties import let_in
from tests.support.permissions import link_wish, once
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.audit_log import unusual
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.unusual import is_unusual

TYPE = "access.unusual"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("recordings", "most", "expected"),
    [(19, 0, False), (20, 0, True), (20, 6, True), (21, 7, False), (22, 7, True), (500, 200, False)],
)
def test_an_hour_is_compared_with_the_busiest_other(recordings: int, most: int, *, expected: bool):
    """At least 20, and more than three times as many."""
    assert is_unusual(recordings, most) is expected


async def get(house: House, actor: str, number: int, *, hours_ago: int = 1) -> None:
    """Let a key, or a link, get so many recordings within an hour: each in two ranges."""

    def append(tx: Transaction) -> None:
        for part in range(2 * number):
            event = AccessEvent(
                type="download.grant", at=NOW - timedelta(hours=hours_ago), account_id=house.account.id, actor=actor,
                recording_id=f"rec_{part // 2}",
            )  # fmt: skip
            tx.events.append_leaf(event.body)
        tx.tree.settle()

    await house.database.write(append)


async def watched(house: House, *, days: int = 8) -> None:
    """Receive the event since so many days."""
    await endpoint(house, types=[TYPE])
    assert await house.vault.jobs.watch_access() == 0
    hour = unusual.hour_of(NOW - timedelta(days=days))
    await house.database.write(lambda tx: tx.access_hours.add(house.account.id, "key_old", hour, 1))


async def run(house: House) -> list[dict[str, str]]:
    """Count; return what was told since the last time."""
    await house.vault.jobs.watch_access()
    house.outside.sent.clear()
    return [one["data"] for one in await told(house)]


async def test_a_key_that_takes_many_is_told_once_a_day(either: House):
    """Ranges of one recording are one; what another key does all the time is usual for it alone."""
    await watched(either)
    await get(either, "key_export", 10, hours_ago=4)
    await get(either, "key_export", 29, hours_ago=1)
    await get(either, "key_crm", 19, hours_ago=1)
    assert await run(either) == []
    await get(either, "key_new", 25, hours_ago=1)
    said = {"account": either.account.id, "actor": "key_new", "recordings": "25"}
    assert await run(either) == [said]
    await get(either, "key_new", 90, hours_ago=0)
    assert await run(either) == []


async def test_a_listener_is_counted_over_all_links(either: House, monkeypatch: pytest.MonkeyPatch):
    """One link for each recording, as the console makes them; the last one names the listener."""
    monkeypatch.setattr(unusual, "AT_LEAST", 2)
    await watched(either)
    links = [await opened(either, f"rec-{number}") for number in range(2)]
    assert await run(either) == [{"account": either.account.id, "actor": links[-1], "recordings": "2"}]


async def opened(house: House, ref: str) -> str:
    """Open a link of the same listener to a recording; return its id."""
    recording_id = await let_in(house, ref, call_ref=f"call of {ref}")
    link, token = await house.vault.playback.links.create(house.account.id, recording_id, link_wish(), **ME)
    assert await once(house, token.text)
    await house.database.write(lambda tx: tx.tree.settle())
    return link.id


async def test_at_first_nobody_knows_what_is_usual(either: House):
    """In the first days everything is counted, and nothing is told."""
    await watched(either, days=6)
    await get(either, "key_new", 60)
    assert await run(either) == []


async def test_who_does_not_receive_it_is_not_counted(either: House):
    """Nothing is written for such an account."""
    await endpoint(either, types=["recording.available"])
    assert await either.vault.jobs.watch_access() == 0
    await get(either, "key_new", 60)
    assert await either.vault.jobs.watch_access() == 0
    assert (
        await either.database.read(lambda tx: tx.access_hours.most(either.account.id, "key_new", but=0)) == 0
    )
