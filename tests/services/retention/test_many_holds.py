"""What an account's holds keep of a page of recordings: the same as each by itself, in as few queries as for one."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.parties import set_policy, through_the_gate
from tests.support.retention import place
from tests.support.service_house import House
from vault.database.stores.retention import hold_conditions

BEGUN = datetime(2026, 1, 10, 12, tzinfo=UTC)
NUMBERS = ("+14155550123", "+33612345678", "+12125550100")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements."""
    seen = list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def recordings(house: House, many: int) -> list[str]:
    """Return recordings of calls that began on as many days, with one of the numbers each."""
    found = []
    for number in range(many):
        said = {"from": NUMBERS[number % 3], "started_at": (BEGUN + timedelta(days=number)).isoformat()}
        made = await house.announce(f"rec-{number}", call_ref=f"call-{number // 2}", **said)
        assert made.recording_id is not None
        await through_the_gate(house, made.recording_id)
        found.append(made.recording_id)
    return found


def some_hold(chance: random.Random, ids: list[str]) -> dict[str, Any]:
    """Return what a hold covers."""
    covers: dict[str, Any] = chance.choice(
        [
            {"recordings": [chance.choice(ids)]}, {"calls": [f"call-{chance.randrange(5)}"]},
            {"numbers": [chance.choice(NUMBERS)]}, {"numbers": ["+442079460123"]}, {"calls": ["other"]},
        ]
    )  # fmt: skip
    if "numbers" in covers and chance.random() < 0.7:
        begun = BEGUN + timedelta(days=chance.randrange(-2, 8))
        covers["from_"], covers["to"] = begun, begun + timedelta(days=chance.randrange(1, 3))
    return covers


@pytest.mark.parametrize("seed", range(3))
async def test_many_holds_keep_what_each_of_them_keeps(
    either: House, monkeypatch: pytest.MonkeyPatch, seed: int
):
    """By recordings, calls, numbers and times, and however many fit into one query."""
    chance = random.Random(seed)  # noqa: S311 - a test's choices
    await set_policy(either, missing_evidence="accept", reason="a test")
    ids, account = await recordings(either, 10), either.account.id
    for _ in range(12):
        await place(either, **some_hold(chance, ids))
        each = await either.database.read(
            lambda tx: {
                one for one in ids
                if (row := tx.recordings.get(account, one)) and tx.holds.covering(row, tx.now())
            }
        )  # fmt: skip
        for named, limits in ((10_000, 50), (1, 1), (40, 2)):
            monkeypatch.setattr(hold_conditions, "_MAX_NAMED", named)
            monkeypatch.setattr(hold_conditions, "_MAX_LIMITS", limits)
            assert await either.database.read(lambda tx: tx.holds.kept(account, ids, tx.now())) == each
    assert each


async def test_a_page_asks_once_however_many_holds_there_are(house: House):
    """Of 4, 8 and 16 holds, the same number of statements."""
    await set_policy(house, missing_evidence="accept", reason="a test")
    ids, account = await recordings(house, 4), house.account.id
    found, placed = list[int](), list[int]()
    for until in (4, 8, 16):
        while len(placed) < until:
            await place(house, numbers=[f"+4930{len(placed):07d}"])
            placed.append(until)
        with counted() as statements:
            await house.database.read(lambda tx: tx.holds.kept(account, ids, tx.now()))
        found.append(len(statements))
    assert len(set(found)) == 1, found
