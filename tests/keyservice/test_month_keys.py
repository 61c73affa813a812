"""Month keys: created once and ahead, found again, strict about account and month, and gone with their account key."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.fakes.key_rows import Ring
from vault.domain.accounts.account_keys import check_month_key_id, month_after, month_of
from vault.domain.stored.encryption_context import of_month_key
from vault.errors import KeyRetired, NotFound, Tampered, Unavailable
from vault.sealing.keys import account_key
from vault.sealing.wrapping import unwrap, wrap

NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
DECEMBER = NOVEMBER + timedelta(seconds=1)


@pytest.fixture
async def ring() -> Ring:
    """A ring with two accounts."""
    made = Ring()
    for name in ("acc_1", "acc_2"):
        await made.account(name)
    return made


def test_a_month_is_that_of_utc() -> None:
    """Also for times of other zones, and over the end of a year."""
    assert (month_of(NOVEMBER), month_of(DECEMBER)) == ("2026-11", "2026-12")
    assert month_of(NOVEMBER.astimezone(timezone(timedelta(hours=3)))) == "2026-11"
    for day in (1, 28, 31):
        assert month_after(datetime(2026, 12, day, tzinfo=UTC)) == "2027-01"
        assert month_after(datetime(2027, 1, day, tzinfo=UTC)) == "2027-02"


def test_an_id_is_a_month_and_digits() -> None:
    """Anything else in a stored object is refused: the id becomes part of the key's name."""
    assert check_month_key_id("2026-11-9f3a6c1e") == "2026-11-9f3a6c1e"
    for wrong in (
        "2026-13-9f3a6c1e",
        "2026-11-9F3A6C1E",
        "2026-11-9f3a6c1",
        "2026-11",
        "x2026-11-9f3a6c1e\n",
    ):
        with pytest.raises(Tampered):
            check_month_key_id(wrong)


async def test_the_next_month_is_created_ahead(ring: Ring) -> None:
    """So its key is in the object store weeks before a recording needs it."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    assert sorted(row.month for row in ring.rows.months.values()) == ["2026-11", "2026-12"]
    assert key.key.name == f"month/acc_1/{key.month_key}"
    ahead = next(row for row in ring.rows.months.values() if row.month == "2026-12")
    assert (await ring.ring.month_key_of("acc_1", 1, DECEMBER)).month_key == ahead.id
    assert sorted(row.month for row in ring.rows.months.values()) == ["2026-11", "2026-12", "2027-01"]


async def test_a_known_month_key_costs_no_question(ring: Ring) -> None:
    """Neither the database nor the key service is asked to seal or to open under it again."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    asked, ring.root.reachable = len(ring.rows.asked), False
    for _ in range(3):
        assert await ring.ring.month_key_of("acc_1", 1, NOVEMBER) == key
        assert await ring.ring.month_key("acc_1", key.month_key) is key.key
    assert len(ring.rows.asked) == asked


async def test_many_at_once_create_one_key(ring: Ring) -> None:
    """The first recordings of a month share one creation, also when the first caller is cancelled."""
    ring.rows.gate.clear()
    waiting = [asyncio.create_task(ring.ring.month_key_of("acc_1", 1, NOVEMBER)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    ring.rows.gate.set()
    keys = await asyncio.gather(*waiting[1:])
    assert len({key.month_key for key in keys}) == 1
    assert len(ring.rows.months) == 2


async def test_another_node_uses_the_same_key(ring: Ring) -> None:
    """It finds the rows, and creates nothing."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    other = Ring(root=ring.root, rows=ring.rows)
    assert await other.ring.month_key_of("acc_1", 1, NOVEMBER) == key
    assert len(ring.rows.months) == 2


async def test_a_month_key_leaves_memory_with_its_account_key(ring: Ring) -> None:
    """When the key service is sealed, a month key cannot be used longer than the key that wraps it."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    ring.root.reachable, ring.time = False, 300
    with pytest.raises(Unavailable):
        await ring.ring.month_key("acc_1", key.month_key)
    with pytest.raises(Unavailable):
        await ring.ring.month_key_of("acc_1", 1, NOVEMBER)


async def test_a_rotation_has_a_new_month_key(ring: Ring) -> None:
    """Who had the old version cannot open what comes later in the month; a version that is retired creates none."""
    old = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    await ring.rotate("acc_1")
    new = await ring.ring.month_key_of("acc_1", 2, NOVEMBER)
    assert (new.version, new.month_key != old.month_key, new.key.secret != old.key.secret) == (2, True, True)
    ring.rows.versions["acc_2"] = 2
    with pytest.raises(KeyRetired):
        await ring.ring.month_key_of("acc_2", 1, NOVEMBER)
    assert not [owner for owner, _ in ring.rows.months if owner == "acc_2"]


async def test_a_key_that_was_wrapped_again_is_read_again(ring: Ring) -> None:
    """The version that wrapped it is destroyed on another node; the row has the new form, and the key is the same."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    await ring.rotate("acc_1")
    known, context = ring.rows.months["acc_1", key.month_key], of_month_key("acc_1", key.month_key)
    old, new = account_key("acc_1", 1, (await ring.ring.version("acc_1", 1)).key.secret), bytes(32)
    wrapped = wrap(account_key("acc_1", 2, new), unwrap(old, known.wrapped, context), context)
    ring.rows.months["acc_1", key.month_key] = replace(known, wrapped=wrapped, key_version=2)
    del ring.rows.keys["acc_1", 1]
    ring.ring.forget("acc_1")
    assert await ring.ring.month_key("acc_1", key.month_key) == key.key


async def test_a_key_of_another_account_or_month_does_not_open(ring: Ring) -> None:
    """A row that somebody moved or renamed is tampered, and a missing one is not found."""
    mine, other = [await ring.ring.month_key_of(name, 1, NOVEMBER) for name in ("acc_1", "acc_2")]
    december = next(
        key for (owner, _), key in ring.rows.months.items() if owner == "acc_1" and key.month == "2026-12"
    )
    fresh = Ring(root=ring.root, rows=ring.rows)
    ring.rows.months["acc_1", other.month_key] = ring.rows.months["acc_2", other.month_key]
    with pytest.raises(Tampered):
        await fresh.ring.month_key("acc_1", other.month_key)
    ring.rows.months["acc_1", mine.month_key] = replace(december, id=mine.month_key)
    with pytest.raises(Tampered):
        await fresh.ring.month_key("acc_1", mine.month_key)
    with pytest.raises(NotFound):
        await fresh.ring.month_key("acc_2", mine.month_key)


async def test_forgetting_an_account_forgets_its_month_keys(ring: Ring) -> None:
    """A restore may have replaced the rows: the next use reads them, also when a search was under way."""
    key = await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    ring.ring.forget("acc_1")
    ring.rows.months.clear()
    with pytest.raises(NotFound):
        await ring.ring.month_key("acc_1", key.month_key)
    ring.rows.gate.clear()
    search = asyncio.create_task(ring.ring.month_key_of("acc_1", 1, NOVEMBER))
    await asyncio.sleep(0.01)
    ring.ring.forget("acc_1")
    ring.rows.gate.set()
    await search
    asked = len(ring.rows.asked)
    await ring.ring.month_key_of("acc_1", 1, NOVEMBER)
    assert f"months acc_1 {month_of(NOVEMBER)} {month_after(NOVEMBER)}" in ring.rows.asked[asked:]
