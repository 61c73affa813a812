"""Object locks: what must be kept is locked, and an erasure ends although the object store keeps the object."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.objects import FakeLocks
from tests.services.backup.test_fsck import checked
from tests.support.parties import PARTIES, let_in
from tests.support.restoring import write_all
from tests.support.retention import kept, place, release, set_retention
from tests.support.service_house import House
from vault.database.stores.retention.object_locks import LockedRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.retention.object_lock import LockSetting, ObjectLock
from vault.errors import Refused, StartRefused
from vault.services.lifecycle import lifecycle
from vault.services.retention.check_object_lock import check_object_lock

FIVE_YEARS = kept(minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II 16(7)")


@pytest.fixture
def locks(either: House) -> FakeLocks:
    """The locks of the house's store."""
    either.objects.locks = FakeLocks(either.objects)
    return either.objects.locks


async def locked(house: House, mode: LockSetting = "compliance", ref: str = "rec-1") -> str:
    """Return an available recording whose audio is locked."""
    recording_id = await let_in(house, ref)
    await set_retention(house, FIVE_YEARS, object_lock=mode)
    await house.vault.jobs.apply_policies()
    await house.vault.jobs.reconcile_locks()
    return recording_id


async def lock_of(house: House, recording_id: str) -> LockedRow:
    """Return what the row says of the lock."""
    row = await house.database.read(lambda tx: tx.object_locks.get(recording_id))
    assert row is not None
    return row


async def erase(house: House, recording_id: str) -> State:
    """Erase a recording inside its minimum, as with the ground ``unlawful_recording``, and let the worker finish."""

    def mark(tx: Transaction) -> None:
        recording = tx.recordings.get(house.account.id, recording_id)
        assert recording is not None
        lifecycle.reapply_erasure(tx, recording)

    await house.database.write(mark)
    return await house.settle(recording_id)


async def test_audio_is_locked_until_the_end_of_a_legal_minimum(either: House, locks: FakeLocks):
    """Audio is locked until the end of a legal minimum, and nothing else is."""
    recording_id = await locked(either)
    row = await lock_of(either, recording_id)
    assert row.state == "set"
    assert row.locked_until == row.legal_until
    assert sorted(locks.kept) == either.audio_objects()
    assert {lock.mode for lock in locks.kept.values()} == {"compliance"}
    before = list(locks.sets)
    await either.vault.jobs.reconcile_locks()
    assert locks.sets == before


@pytest.mark.parametrize("ground", ["business", "off"])
async def test_nothing_else_is_locked(either: House, locks: FakeLocks, ground: str):
    """A minimum that the account only likes locks nothing, nor does a policy without locks."""
    recording_id = await let_in(either)
    legal = FIVE_YEARS if ground == "off" else kept(minimum="P5Y", minimum_ground="business")
    await set_retention(either, legal, object_lock="off" if ground == "off" else "compliance")
    await either.vault.jobs.apply_policies()
    await either.vault.jobs.reconcile_locks()
    assert (await lock_of(either, recording_id)).state == "none"
    assert locks.kept == {}


async def test_a_lock_that_is_not_shown_is_unknown(either: House, locks: FakeLocks):
    """A lock that is not shown is unknown: an alarm, and tried again until it is shown."""
    locks.silent = True
    recording_id = await locked(either)
    row = await lock_of(either, recording_id)
    assert (row.state, row.locked_until) == ("unknown", None)
    assert await either.database.read(lambda tx: tx.object_locks.count_unknown()) == 1
    locks.silent = False
    await either.vault.jobs.reconcile_locks()
    assert (await lock_of(either, recording_id)).state == "set"
    assert await either.database.read(lambda tx: tx.object_locks.count_unknown()) == 0


async def test_an_erasure_under_a_lock_ends(either: House, locks: FakeLocks):
    """Case 25: the key is gone, the row is erased until the lock ends, and then the object is deleted."""
    recording_id = await locked(either)
    until = (await lock_of(either, recording_id)).locked_until
    audio = either.audio_objects()
    assert await erase(either, recording_id) is State.ERASED
    assert await either.keys_gone(recording_id)
    assert either.audio_objects() == audio
    assert (await lock_of(either, recording_id)).locked_until == until
    assert not any(key.startswith("manifests/") for key in either.objects.objects)
    await write_all(either)
    assert await either.sweep() == 0
    assert not (await checked(either)).findings
    assert await either.vault.jobs.remove_locked() == 0
    await time_passes(either, locks, recording_id)
    assert await either.vault.jobs.remove_locked() == 1
    assert either.audio_objects() == []
    assert (await lock_of(either, recording_id)).locked_until is None
    await write_all(either)
    assert (await either.events(recording_id))[-2:] == ["recording.erased", "recording.objects_deleted"]


async def time_passes(house: House, locks: FakeLocks, recording_id: str) -> None:
    """Let every lock have ended."""
    past = datetime.now(UTC) - timedelta(days=1)
    locks.kept = {key: replace(lock, until=past) for key, lock in locks.kept.items()}
    await house.set(recording_id, object_locked_until=past)


async def test_a_lock_that_the_row_does_not_know_ends_an_erasure_too(either: House, locks: FakeLocks):
    """After an old backup, the store still says that an object is locked."""
    recording_id = await locked(either)
    await either.set(recording_id, object_locked_until=None, lock_state="none")
    assert await erase(either, recording_id) is State.ERASED
    assert (await lock_of(either, recording_id)).locked_until is not None


async def test_an_orphan_under_a_lock_becomes_that_of_its_erased_row(either: House, locks: FakeLocks):
    """A restored tombstone names no object: the sweep goes on, and notes the lock."""
    recording_id = await locked(either)
    assert await erase(either, recording_id) is State.ERASED
    objects = [f"{kind}_{part}" for kind in ("audio", "rendition") for part in ("location", "header", "size")]
    await either.set(recording_id, object_locked_until=None, **dict.fromkeys(objects))
    assert await either.sweep() == 0
    assert (await lock_of(either, recording_id)).locked_until is not None
    await write_all(either)
    assert not (await checked(either)).findings
    await time_passes(either, locks, recording_id)
    assert await either.vault.jobs.remove_locked() == 1
    assert either.audio_objects() == []


async def test_a_hold_is_a_legal_hold_while_it_lasts(either: House, locks: FakeLocks):
    """A hold sets the legal hold, also on what passes the gate later, and it comes off when the last one ends."""
    first = await let_in(either)
    one, other = await place(either, calls=["call-1"]), await place(either, everything=True)
    later = await let_in(either, "rec-2", call_ref="call-2")
    await either.vault.jobs.reconcile_locks()
    assert [lock.hold for lock in locks.kept.values()] == [True, True]
    await release(either, other.hold.id, at_once=True)
    await either.vault.jobs.reconcile_locks()
    assert (await lock_of(either, first)).object_hold
    assert not (await lock_of(either, later)).object_hold
    await release(either, one.hold.id, at_once=True)
    await either.vault.jobs.reconcile_locks()
    assert [lock.hold for lock in locks.kept.values()] == [False, False]
    assert await erase(either, first) is State.ERASED
    assert (await lock_of(either, first)).locked_until is None


async def test_a_legal_hold_of_ours_does_not_outlive_its_hold(either: House, locks: FakeLocks):
    """An erasure takes off a legal hold that the worker had no time to clear."""
    recording_id = await let_in(either)
    hold = await place(either, everything=True)
    await either.vault.jobs.reconcile_locks()
    await release(either, hold.hold.id, at_once=True)
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor="key_test")
    assert await either.settle(recording_id) is State.ERASED
    assert either.audio_objects() == []


async def _forget_lock(house: House, recording_id: str) -> None:
    """Let the row know nothing of its lock, as after a restore."""
    await house.set(recording_id, object_hold=0, lock_state="none")


async def test_a_legal_hold_that_a_restored_row_does_not_know_comes_off(either: House, locks: FakeLocks):
    """A hold that has ended covered the recording, by a number of its call: the legal hold is the vault's."""
    recording_id = await let_in(either)
    hold = await place(either, numbers=[PARTIES["from"]])
    await either.vault.jobs.reconcile_locks()
    assert [lock.hold for lock in locks.kept.values()] == [True]
    await release(either, hold.hold.id, at_once=True)
    await _forget_lock(either, recording_id)
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor="key_test")
    assert await either.settle(recording_id) is State.ERASED
    assert either.audio_objects() == []


async def test_a_legal_hold_of_somebody_else_stays(either: House, locks: FakeLocks):
    """No hold has ever covered the recording, so its erasure ends and the object store keeps the object."""
    recording_id = await let_in(either)
    await place(either, calls=["another"])
    for key in either.audio_objects():
        await locks.set(key, ObjectLock(hold=True))
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor="key_test")
    assert await either.settle(recording_id) is State.ERASED
    assert len(either.audio_objects()) == 1
    await either.set(recording_id, object_locked_until=datetime.now(UTC) - timedelta(seconds=1))
    assert await either.vault.jobs.remove_locked() == 0
    # Once a hold of everything is known to have ended, as after a longer restore, it is taken for the vault's.
    hold = await place(either, everything=True)
    await release(either, hold.hold.id, at_once=True)
    await either.set(recording_id, object_locked_until=datetime.now(UTC) - timedelta(seconds=1))
    assert await either.vault.jobs.remove_locked() == 1
    assert either.audio_objects() == []


async def test_a_store_without_locks_is_left_alone(either: House):
    """A store without locks is left alone."""
    await let_in(either)
    await place(either, everything=True)
    assert await either.vault.jobs.reconcile_locks() == 0


async def test_a_store_that_cannot_lock_refuses_a_policy_that_locks(either: House):
    """Who asks for locks must not go on without them: neither the policy nor the start is accepted."""
    with pytest.raises(Refused, match="S3 Object Lock"):
        await set_retention(either, FIVE_YEARS, object_lock="governance")
    locks = either.objects.locks = FakeLocks(either.objects)
    await set_retention(either, FIVE_YEARS, object_lock="governance")
    await check_object_lock(either.database, either.objects)
    locks.can = False
    with pytest.raises(StartRefused, match="S3 Object Lock"):
        await check_object_lock(either.database, either.objects)


@pytest.mark.parametrize(
    ("period", "days", "fits"), [("P10D", 10, True), ("P10D", 11, False), ("P1Y", 28, True)]
)
async def test_a_default_rule_is_no_longer_than_the_shortest_period(
    either: House, locks: FakeLocks, period: str, days: int, *, fits: bool
):
    """A default rule locks manifests, so it must not be longer than the shortest period, nor than a month."""
    await set_retention(either, kept(period=period))
    locks.default = timedelta(days=days)
    with nullcontext() if fits else pytest.raises(StartRefused, match="default rule"):
        await check_object_lock(either.database, either.objects)
    locks.default = timedelta(days=29)
    with pytest.raises(StartRefused, match="default rule"):
        await check_object_lock(either.database, either.objects)
