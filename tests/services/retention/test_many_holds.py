"""What an account's holds keep of a page of recordings: the same as each by itself, in as few queries as for one.

What the holds of an account name together has a limit: each erasure reads it, in the transaction of the writer.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.parties import set_policy, through_the_gate
from tests.support.retention import end_grace, place, release
from tests.support.service_house import House
from vault.database.stores.retention import hold_conditions
from vault.domain.retention.hold import MAX_COVERED
from vault.errors import Refused
from vault.services.retention import place_hold
from vault.services.retention.place_hold import MAX_CHARACTERS, MAX_HOLDS

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
            assert await either.database.read(lambda tx: tx.holds.held_among(account, ids, tx.now())) == each
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
            await house.database.read(lambda tx: tx.holds.held_among(account, ids, tx.now()))
        found.append(len(statements))
    assert len(set(found)) == 1, found


async def _extent(house: House) -> tuple[int, int]:
    return await house.database.read(lambda tx: tx.holds.extent(house.account.id, tx.now()))


async def test_the_largest_hold_fits_several_times(house: House):
    """Of 500 numbers as an account writes them; a tenth of the limit, so that 5,000 fit."""
    await place(house, numbers=[f"+1202555{number:04}" for number in range(MAX_COVERED)])
    holds, characters = await _extent(house)
    assert holds == 1
    assert 10 * characters < MAX_CHARACTERS


async def test_above_the_limit_another_hold_is_refused(either: House, monkeypatch: pytest.MonkeyPatch):
    """Nothing of it is stored, and one that names nothing has room; what is released counts until its grace is over."""
    first = (await place(either, calls=[f"call-{number}" for number in range(100)])).hold
    before = await _extent(either)
    monkeypatch.setattr(place_hold, "MAX_CHARACTERS", before[1] + 500)
    others = [f"other-{number}" for number in range(100)]
    with pytest.raises(Refused) as refused:
        await place(either, calls=others)
    assert refused.value.reasons == ("too_many_numbers",)
    assert await _extent(either) == before
    await place(either, everything=True)
    await release(either, first.id)
    with pytest.raises(Refused):
        await place(either, calls=others)
    await end_grace(either, first.id)
    await place(either, calls=others)


async def test_above_the_number_of_holds_another_one_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Each counts, whatever it names."""
    assert MAX_HOLDS == 1000
    monkeypatch.setattr(place_hold, "MAX_HOLDS", 1)
    await place(house, calls=["call-1"])
    with pytest.raises(Refused) as refused:
        await place(house, calls=["call-2"])
    assert refused.value.reasons == ("too_many_holds",)
    assert (await _extent(house))[0] == 1
