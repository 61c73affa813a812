"""What is counted by day equals what is there, whatever was done, and is read at a bounded cost."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import delete, select

from tests.support.restoring import available, empty_house, write_all
from tests.support.service_house import House
from vault.database.schema.core import recordings
from vault.database.schema.usage import usage_changes, usage_days
from vault.database.transaction import Transaction
from vault.domain.accounts.usage import PLAY, UsageCount, day_number
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import State
from vault.errors import Invalid
from vault.thread_pools import Threads

#: Outcomes by state; what is not here is its own.
_OUTCOME: Final = dict.fromkeys(("received", "transferring", "retry_wait", "stored"), "waiting") | {
    "erasing": "erased"
}
_WITH_REASON: Final = ("quarantined", "refused", "failed")
ALL_DAYS: Final = (-10_000, 100_000)
Counted = dict[tuple[int, str, str], tuple[int, int, int]]


def there(tx: Transaction, account_id: str) -> Counted:
    """Count the rows one by one."""
    r = recordings.c
    found: dict[tuple[int, str, str], Counter[str]] = {}
    for row in tx.connection.execute(select(recordings).where(r.account_id == account_id)):
        kind = _OUTCOME.get(row.state, row.state)
        reason = (row.reasons[0]["code"] if row.reasons else "unknown") if kind in _WITH_REASON else ""
        one = found.setdefault((day_number(row.received_at.date()), kind, reason), Counter())
        one["number"] += 1
        one["milliseconds"] += round((row.duration or 0) * 1000)
        one["bytes"] += (row.audio_size or 0) + (row.rendition_size or 0)
    return {key: (one["number"], one["milliseconds"], one["bytes"]) for key, one in found.items()}


def counted(counts: "list[UsageCount] | Any") -> Counted:
    """Return the counts of recordings by their keys."""
    return {
        (one.day, one.kind, one.reason): (one.number, one.milliseconds, one.bytes)
        for one in counts
        if one.kind != PLAY
    }


async def compared(house: House) -> tuple[Counted, Counted]:
    """Return what is there and what is counted, in one read."""
    account_id = house.account.id
    return await house.database.read(
        lambda tx: (there(tx, account_id), counted(tx.usage.of_days(account_id, *ALL_DAYS)))
    )


async def act(house: House, chance: random.Random, ids: list[str], number: int) -> None:
    """Do something to the recordings."""
    one = chance.choice(ids) if ids else None
    match chance.randrange(8):
        case 0 | 1:
            ids.append(str((await house.announce(f"rec-{number}")).recording_id))
        case 2 if one:
            await house.settle(one)
        case 3 if one and await house.state(one) not in {State.ERASING, State.ERASED}:
            await house.vault.recordings.recordings.erase(house.account.id, one, actor="key_1")
        case 4 if one:
            state = chance.choice(
                [State.QUARANTINED, State.REFUSED, State.FAILED, State.AVAILABLE, State.ERASING]
            )
            code = chance.choice(["objection", "switched_off"])
            reasons = [{"code": code, "text": "t"}] if chance.random() < 0.8 else []
            await house.set(one, state=str(state), reasons=reasons, duration=chance.randrange(400) / 8)
        case 5 if one:
            # One column alone: each of them counts.
            values: dict[str, Any] = {
                "received_at": datetime.now(UTC) - timedelta(days=chance.randrange(70)),
                "duration": chance.choice([None, chance.randrange(400) / 8]),
                "audio_size": chance.randrange(1, 10**9),
                "rendition_size": chance.choice([None, 7]),
                "reasons": [{"code": "policy", "text": "t"}],
                "state": str(chance.choice(list(State))),
            }
            name = chance.choice(list(values))
            await house.set(one, **{name: values[name]})
        case 6 if one:
            await house.database.write(
                lambda tx: tx.connection.execute(delete(recordings).where(recordings.c.id == one)) and None
            )
            ids.remove(one)
        case _:
            await house.vault.jobs.count_usage()


@pytest.mark.parametrize("seed", range(4))
async def test_the_counts_equal_what_is_there(either: House, seed: int):
    """After every act, whether the job has added it up or not."""
    chance, ids = random.Random(seed), list[str]()  # noqa: S311 - it chooses acts
    for number in range(40):
        await act(either, chance, ids, number)
        expected, found = await compared(either)
        assert found == expected, number
    await either.vault.jobs.count_usage()
    expected, found = await compared(either)
    assert found == expected
    assert await either.database.read(lambda tx: tx.connection.execute(select(usage_changes)).all()) == []


async def play(house: House, account_id: str, at: datetime, number: int) -> None:
    """Let somebody open recordings, with other entries in between."""

    def append(tx: Transaction) -> None:
        for _ in range(number):
            for kind in ("playback.open", "playback.grant"):
                event = AccessEvent(
                    type=kind, at=at, account_id=account_id, actor="link_1", recording_id="rec_1"
                )  # type: ignore[arg-type]
                tx.events.append_leaf(event.body)
        tx.tree.settle()

    await house.database.write(append)


async def test_plays_are_those_of_the_log(either: House):
    """Each entry is counted once, by its account and day; again from the first one when the log was cut."""
    now, mine = datetime.now(UTC), either.account.id
    await play(either, mine, now, 3)
    await play(either, mine, now - timedelta(days=2), 2)
    await play(either, "acct_other", now, 5)
    usage = either.vault.accounts.usage
    before = await usage.read(mine, first=None, last=None, step="day")
    assert before.entries_waiting > 0
    for _ in range(2):
        await either.vault.jobs.count_usage()
        view = await usage.read(mine, first=None, last=None, step="day")
        assert (view.entries_waiting, view.total.number(PLAY)) == (0, 5)
    by_day = {one.start: one.number(PLAY) for one in view.periods}
    assert (by_day[now.date()], by_day[now.date() - timedelta(days=2)]) == (3, 2)
    await either.database.write(lambda tx: tx.usage.forget_plays())
    assert (await usage.read(mine, first=None, last=None, step="day")).total.number(PLAY) == 0
    await either.vault.jobs.count_usage()
    assert (await usage.total(mine)).number(PLAY) == 5
    # Two nodes that count the same entries: one of them adds nothing.
    size = await either.database.read(lambda tx: tx.tree.head().size)
    assert not await either.database.write(lambda tx: tx.usage.add_plays(0, size, {(mine, 1): 9}))


async def test_a_time_is_shown_by_day_or_month(either: House):
    """Each day and month stands there once, also without anything; a time that is too long is refused."""
    one = str((await either.announce("rec-1")).recording_id)
    await either.settle(one)
    at = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
    await either.set(one, received_at=at, duration=61.5, audio_size=1000, rendition_size=24)
    usage, mine = either.vault.accounts.usage, either.account.id
    days = await usage.read(mine, first=date(2026, 2, 27), last=date(2026, 3, 1), step="day")
    assert [(str(day.start), day.recordings) for day in days.periods] == [
        ("2026-02-27", 0),
        ("2026-02-28", 1),
        ("2026-03-01", 0),
    ]
    assert (days.total.milliseconds, days.total.bytes) == (61_500, 1024)
    months = await usage.read(mine, first=date(2026, 1, 1), last=date(2026, 3, 31), step="month")
    assert [(str(month.start), month.recordings) for month in months.periods] == [
        ("2026-01-01", 0),
        ("2026-02-01", 1),
        ("2026-03-01", 0),
    ]
    for first, last in ((date(2026, 3, 2), date(2026, 3, 1)), (date(2020, 1, 1), date(2026, 3, 1))):
        with pytest.raises(Invalid, match="from"):
            await usage.read(mine, first=first, last=last, step="day")
    default = await usage.read(mine, first=None, last=date(2026, 3, 15), step="month")
    assert (str(default.first), len(default.periods)) == ("2025-04-01", 12)


async def test_reasons_are_counted(either: House):
    """The first reason of what waits in quarantine, is refused or failed."""
    for number, code in enumerate(("objection", "objection", "switched_off")):
        one = str((await either.announce(f"rec-{number}")).recording_id)
        await either.set(one, state="refused", reasons=[{"code": code, "text": "t"}])
    total = await either.vault.accounts.usage.total(either.account.id)
    assert total.reasons("refused") == [("objection", 2), ("switched_off", 1)]
    assert total.reasons("failed") == []
    assert await either.database.read(lambda tx: tx.connection.execute(select(usage_days)).all()) == []


async def test_a_restore_counts_what_came_back(house: House, tmp_path: Path, threads: Threads):
    """Recordings of an empty database, and the plays of the log that was published."""
    await available(house, "rec-1")
    gone = await available(house, "rec-2")
    await house.vault.recordings.recordings.erase(house.account.id, gone, actor="key_test")
    await house.settle(gone)
    await play(house, house.account.id, datetime.now(UTC), 1)
    await house.vault.jobs.count_usage()
    before = await house.vault.accounts.usage.total(house.account.id)
    assert (before.number("available"), before.number("erased"), before.number(PLAY)) == (1, 1, 1)
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        await new.vault.backup.restore(actor="operator")
        expected, found = await compared(new)
        assert found == expected
        await new.vault.jobs.count_usage()
        total = await new.vault.accounts.usage.total(new.account.id)
        assert (total.number("available"), total.milliseconds, total.bytes) == (
            1,
            before.milliseconds,
            before.bytes,
        )
        assert total.number(PLAY) == 1
        assert total.number("erased") == 1


async def test_plays_are_counted_again_when_the_log_was_cut(either: House):
    """Of entries that a restore puts behind others, each is counted once, and so are those that come before them."""
    mine, now = either.account.id, datetime.now(UTC)
    await play(either, mine, now, 4)
    await either.vault.jobs.count_usage()
    size = await either.database.read(lambda tx: tx.tree.head().size)
    opened = [
        AccessEvent(type="playback.open", at=now, account_id=mine, actor="link_2", recording_id="rec_2").body
        for _ in range(3)
    ]
    while not await either.database.write(lambda tx: tx.restore.set_back(size - 2, limit=100)):
        pass
    await either.database.write(lambda tx: tx.restore.leaves(size - 2, opened))
    while await either.database.write(lambda tx: tx.restore.take_waiting(limit=100)):
        pass
    await either.vault.jobs.count_usage()
    assert (await either.vault.accounts.usage.total(mine)).number(PLAY) == 7
