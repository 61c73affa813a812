"""Object locks on a server that has them: the acceptance cases 25 and 26 from the policy to the bucket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.services.retention.test_object_locks import FIVE_YEARS, erase, lock_of
from tests.support.locked_buckets import bucket, deny
from tests.support.pairs import keys_in
from tests.support.parties import let_in
from tests.support.retention import place, release, set_retention
from tests.support.service_house import House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.recordings.recording import State
from vault.objects.location import open_store
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

pytestmark = [pytest.mark.faults, pytest.mark.ceph, pytest.mark.xdist_group("ceph")]


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads for one store and one vault."""
    made = Threads("test", 4)
    yield made
    made.close()


@pytest.fixture
async def store(ceph: str, threads: Threads) -> AsyncIterator[S3Store]:
    """A store in a bucket with locks."""
    made = await open_store(f"s3://{bucket(ceph, lock=True)}/vault?endpoint_url={ceph}", threads)
    assert isinstance(made, S3Store)
    yield made
    made.close()


@pytest.fixture
async def house(
    tmp_path: Path, threads: Threads, store: S3Store, database: SqliteDatabase | PostgresqlDatabase
) -> AsyncIterator[House]:
    """A vault on that store and either database, whose account locks in compliance mode."""
    async with new_house(tmp_path, threads, database, objects=store) as made:
        await set_retention(made, FIVE_YEARS, object_lock="compliance")
        yield made


async def locked(house: House, *, seconds: float | None = None) -> str:
    """Return a recording whose audio is locked; ``seconds``: for how long, instead of five years."""
    recording_id = await let_in(house)
    await house.vault.jobs.write_manifests()
    await house.vault.jobs.apply_policies()
    if seconds is not None:
        await house.set(recording_id, legal_until=datetime.now(UTC) + timedelta(seconds=seconds))
    await house.vault.jobs.reconcile_locks()
    return recording_id


async def test_an_erasure_under_a_compliance_lock_ends_and_the_object_leaves_later(
    house: House, store: S3Store
):
    """Case 25: the key is gone, the row is erased until the lock ends, nothing is erasing, then the object goes."""
    recording_id = await locked(house, seconds=15)
    row = await lock_of(house, recording_id)
    assert row.state == "set"
    assert await erase(house, recording_id) is State.ERASED
    assert await house.keys_gone(recording_id)
    assert await keys_in(store, "manifests/") == []
    assert len(await keys_in(store, "recordings/")) == 1
    assert (await lock_of(house, recording_id)).locked_until is not None
    assert await house.vault.jobs.sweep(everything=True) == 0
    async with asyncio.timeout(120):
        while not await house.vault.jobs.remove_locked():
            await asyncio.sleep(1)
    assert await keys_in(store, "recordings/") == []
    assert (await lock_of(house, recording_id)).locked_until is None


async def test_nobody_deletes_what_is_locked(house: House, store: S3Store):
    """The credentials of the vault delete no version of the audio within five years."""
    recording_id = await locked(house)
    row = await lock_of(house, recording_id)
    assert row.legal_until is not None
    assert row.locked_until is not None
    assert row.locked_until >= row.legal_until
    (audio,) = row.recording.locations
    full = f"vault/{audio}"
    (version,) = store.client.list_object_versions(Bucket=store.bucket, Prefix=full)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        store.client.delete_object(
            Bucket=store.bucket, Key=full, VersionId=version["VersionId"], BypassGovernanceRetention=True
        )


async def test_a_lock_that_cannot_be_read_back_is_unknown(house: House, store: S3Store):
    """Case 26: without the permission to read a lock its state is unknown, and set once the permission is there."""
    deny(store, "s3:GetObjectRetention", "s3:GetObjectLegalHold")
    recording_id = await locked(house)
    assert (await lock_of(house, recording_id)).state == "unknown"
    store.client.delete_bucket_policy(Bucket=store.bucket)
    await house.vault.jobs.reconcile_locks()
    assert (await lock_of(house, recording_id)).state == "set"


async def test_a_hold_sets_and_clears_the_legal_hold(house: House, store: S3Store):
    """Two holds set the legal hold beside the retention; the end of the last one clears it and leaves the retention."""
    recording_id = await locked(house)
    holds = [await place(house, everything=True), await place(house, calls=["call-1"])]
    await house.vault.jobs.reconcile_locks()
    (audio,) = (await house.row(recording_id)).locations
    lock = await store.locks.read(audio)
    assert lock is not None
    assert lock.hold
    for hold, left in zip(holds, [True, False], strict=True):
        await release(house, hold.hold.id, at_once=True)
        await house.vault.jobs.reconcile_locks()
        after = await store.locks.read(audio)
        assert after is not None
        assert (after.hold, after.until) == (left, lock.until)
