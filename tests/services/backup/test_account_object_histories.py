"""Account objects of two databases that went on from one: neither deletes or writes over what the other wrote."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.backup.test_restore import off
from tests.support.restoring import copied, house_over, write_all
from tests.support.rotation import finish, rotate, step
from tests.support.service_house import WITHOUT_EVIDENCE, House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.stored.account_object_name import PREFIX, ObjectName, location_of, parse_location
from vault.services.audit_log.own_history import sort_by_history
from vault.thread_pools import Threads


def names_of(house: House) -> list[ObjectName]:
    """Return the names of all account objects in the store, in the order of keys."""
    names = [parse_location(key) for key in sorted(house.objects.objects) if key.startswith(PREFIX)]
    return [name for name in names if name is not None]


async def policy(house: House, reason: str) -> None:
    """Change the consent policy."""
    changed = replace(WITHOUT_EVIDENCE, reason=reason)
    await house.vault.consent.policy.set(house.account.id, changed, if_version=None, actor="key_test")


async def written(house: House) -> ObjectName:
    """Write the account's object, and return its name: the newest of the own history."""
    assert await house.vault.jobs.write_account_objects()
    return (await sort_by_history(house.database, names_of(house))).own[0]


@asynccontextmanager
async def forked(house: House, tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """Open the same vault on a copy of its database, which goes on from there by itself."""
    await write_all(house)
    path = copied(house, tmp_path / "fork")
    async with house_over(house, SqliteDatabase(path), threads) as other:
        yield other


@pytest.mark.parametrize("first", ["one", "other"])
async def test_two_histories_leave_each_others_objects_alone(
    house: House, tmp_path: Path, threads: Threads, first: str
):
    """Whichever writes first, and though each writes the same revisions; of its own one alone is left."""
    async with forked(house, tmp_path, threads) as other:
        [common] = names_of(house)
        both = [house, other] if first == "one" else [other, house]
        await off(both[0])
        await policy(both[1], "the other history")
        kept = [await written(one) for one in both]
        assert kept[0].revision == kept[1].revision == common.revision + 1
        assert names_of(house) == sorted(kept, key=lambda name: (name.size, name.root))
        before = house.objects.objects[location_of(kept[1])].body
        # One goes on far beyond the other.
        for number in range(3):
            await policy(both[0], f"change {number}")
            kept[0] = await written(both[0])
        assert set(names_of(house)) == set(kept)
        assert house.objects.objects[location_of(kept[1])].body == before
        await policy(both[1], "and on")
        kept[1] = await written(both[1])
        assert set(names_of(house)) == set(kept)


async def test_a_destroyed_key_is_in_no_object_of_another_history(
    house: House, tmp_path: Path, threads: Threads
):
    """The statement says that no copy is left; what the other history wrote under the next version stays."""
    async with forked(house, tmp_path, threads) as other:
        await policy(other, "the other history")
        holds_old = await written(other)
        await rotate(house)
        await step(house)
        assert holds_old in names_of(house)
        await finish(house)
        await write_all(house)
        assert holds_old not in names_of(house)
        # The other history rotates as well, and its object no longer holds what was destroyed.
        await rotate(other)
        await finish(other)
        await policy(other, "after its rotation")
        holds_new = await written(other)
        await policy(house, "goes on")
        await written(house)
        assert holds_new in names_of(house)


async def test_objects_of_the_earlier_names_are_replaced(house: House):
    """What an earlier release wrote counts as older than all others, and goes once the account is written again."""
    await write_all(house)
    [name] = names_of(house)
    old = f"{PREFIX}{name.account_id}/{name.revision:012}.json"
    newest = f"{PREFIX}{name.account_id}/{name.revision + 9:012}.json"
    for key in (old, newest):
        await house.objects.put(key, b"{}")
    await off(house)
    now = await written(house)
    # A later revision than one's own may be all that is left of another history.
    assert set(names_of(house)) == {now, parse_location(newest)}


async def test_events_that_wait_are_in_the_tree_that_the_name_says(
    tmp_path: Path, threads: Threads, postgresql: PostgresqlDatabase
):
    """On PostgreSQL the log of the name has every event that the object contains, though nobody else sequences."""
    async with new_house(tmp_path, threads, postgresql) as house:
        await off(house)
        assert await house.database.read(lambda tx: tx.account_objects.waiting(house.account.id))
        name = await written(house)
        head, waiting = await house.database.read(lambda tx: (tx.tree.head(), tx.tree.waiting()))
        assert (name.size, waiting) == (head.size, 0)
        assert head.root.hex().startswith(name.root)
