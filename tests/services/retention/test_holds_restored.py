"""Holds and erasures that wait survive an old backup, a lost database and a rotation, before anything is erased."""

from pathlib import Path

import pytest

from tests.fakes.objects import FakeLocks
from tests.support.parties import ME, let_in, set_policy, tell
from tests.support.restoring import backed_up, copied, empty_house, house_over, settle_journal, write_all
from tests.support.retention import end_grace, place, release
from tests.support.rotation import finish, rotate
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.recordings.recording import GONE, State
from vault.errors import Held
from vault.thread_pools import Threads


@pytest.mark.parametrize("settled", [False, True], ids=["in the journal", "in the account's object"])
async def test_an_old_backup_learns_the_hold_before_it_serves(
    pair: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, settled: bool
):
    """An old backup learns the hold before it serves."""
    await set_policy(pair, withdrawal="erase")
    recording_id = await let_in(pair)
    await write_all(pair)
    async with backed_up(pair, request, tmp_path, threads) as (later, old):
        hold = (await place(later, recordings=[recording_id])).hold
        await tell(later, "withdrawn")
        if settled:
            await settle_journal(later)
            assert not [one async for one in later.objects.list("closing/")]
        async with house_over(later, old, threads) as late:
            assert await late.vault.node.recovery.check()
            await late.vault.backup.restore(actor="operator")
            assert not await late.vault.node.recovery.check()
            in_effect = await old.read(lambda tx: tx.holds.in_effect(pair.account.id, tx.now()))
            assert [found.id for found in in_effect] == [hold.id]
            assert await old.read(lambda tx: tx.pending_erasures.get(recording_id)) is not None
            assert (await late.row(recording_id)).restricted
            with pytest.raises(Held):
                await late.vault.recordings.recordings.erase(pair.account.id, recording_id, **ME)


async def test_a_release_is_restored_too(house: House, tmp_path: Path, threads: Threads):
    """A release is restored too."""
    hold = (await place(house, everything=True)).hold
    await write_all(house)
    old = copied(house, tmp_path / "old")
    released = await release(house, hold.id)
    await settle_journal(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        await late.vault.backup.restore(actor="operator")
        found = await late.database.read(lambda tx: tx.holds.get(house.account.id, hold.id))
        assert found is not None
        assert found.hold == released


async def test_the_bucket_alone_has_the_hold_and_its_texts(house: House, tmp_path: Path, threads: Threads):
    """The bucket alone has the hold and its texts."""
    recording_id = await let_in(house)
    hold = await place(house, recordings=[recording_id])
    await rotate(house)
    await finish(house)
    await settle_journal(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        view = await new.vault.retention.holds.read(house.account.id, hold.hold.id)
        assert (view.hold, view.reason, view.bound) == (hold.hold, hold.reason, 1)
        with pytest.raises(Held):
            await new.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


async def test_what_the_log_says_was_erased_stays_so_under_a_restored_hold(
    pair: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
):
    """What the log says was erased stays so under a restored hold."""
    recording_id = await let_in(pair)
    hold = (await place(pair, recordings=[recording_id])).hold
    await write_all(pair)
    async with backed_up(pair, request, tmp_path, threads) as (later, old):
        await release(later, hold.id, at_once=True)
        await later.vault.recordings.recordings.erase(pair.account.id, recording_id, **ME)
        assert await later.settle(recording_id) is State.ERASED
        await write_all(later)
        async with house_over(later, old, threads) as late:
            await late.vault.backup.restore(actor="operator")
            assert await late.state(recording_id) in GONE
            assert await late.keys_gone(recording_id)


async def test_a_legal_hold_does_not_outlive_the_loss_of_the_database(
    house: House, tmp_path: Path, threads: Threads
):
    """The restored row does not know that the vault has set it, the hold that has ended does."""
    house.objects.locks = locks = FakeLocks(house.objects)
    recording_id = await let_in(house)
    hold = (await place(house, calls=["call-1"])).hold
    await house.vault.jobs.reconcile_locks()
    assert [lock.hold for lock in locks.kept.values()] == [True]
    await release(house, hold.id, at_once=True)
    await settle_journal(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        await end_grace(new, hold.id)
        await new.vault.jobs.reconcile_locks()
        await new.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
        assert await new.settle(recording_id) is State.ERASED
        assert new.audio_objects() == []
