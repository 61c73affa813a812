"""Locks on finished versions: set, extended, read back, and never shortened.

Object Lock: what is put as locked outlives anyone who has the vault's credentials.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.support.locked_buckets import bucket, deny
from vault.domain.retention.object_lock import ObjectLock
from vault.errors import ObjectLocked, StartRefused, Unavailable
from vault.objects.location import open_store
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults


KEY = "recordings/acct_1/rec_1/audio"
PART = 5 * 1024 * 1024
DAYS = timedelta(days=3)
SERVERS = ["moto_url", pytest.param("ceph", marks=[pytest.mark.ceph, pytest.mark.xdist_group("ceph")])]


def day(number: int) -> datetime:
    """Return the moment in so many days."""
    return datetime.now(UTC) + timedelta(days=number)


def wanted(days: int, mode: str = "compliance", *, hold: bool = False) -> ObjectLock:
    """Return the lock to set."""
    return ObjectLock(mode="compliance" if mode == "compliance" else "governance", until=day(days), hold=hold)


@pytest.fixture
async def store(ceph: str, threads: Threads) -> AsyncIterator[S3Store]:
    """A store in a bucket with locks, with an object of two parts."""
    made = await open_store(f"s3://{bucket(ceph, lock=True)}/vault?endpoint_url={ceph}", threads)
    assert isinstance(made, S3Store)
    made.part_size = PART
    writer = await made.create(KEY)
    await writer.write(b"a" * (PART + 1))
    await writer.finish()
    yield made
    made.close()


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_a_lock_on_a_multipart_upload_is_read_back(store: S3Store):
    """A lock on a multipart upload is read back, and the store does not delete the version."""
    lock = wanted(3)
    found = await store.locks.set(KEY, lock)
    assert found is not None
    assert found.covers(lock)
    assert found == await store.locks.read(KEY)
    with pytest.raises(ObjectLocked) as refused:
        await store.delete(KEY)
    assert (refused.value.until, refused.value.hold) == (found.until, False)
    assert await store.size(KEY) == PART + 1


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_a_lock_is_extended_and_never_shortened(store: S3Store):
    """A lock is extended, and never shortened; governance becomes compliance only where the store lets it."""
    long, short = wanted(5), wanted(2)
    first = await store.locks.set(KEY, short)
    longer = await store.locks.set(KEY, long)
    assert first is not None
    assert longer is not None
    assert longer.until is not None
    assert first.until is not None
    assert first.until < longer.until
    assert await store.locks.set(KEY, short) == longer
    assert await store.locks.set(KEY, wanted(1, "governance")) == longer


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_a_legal_hold_comes_off_and_leaves_the_retention(store: S3Store):
    """A legal hold comes off and leaves the retention; without one the version can be deleted."""
    held = await store.locks.set(KEY, ObjectLock(hold=True))
    assert held == ObjectLock(hold=True)
    with pytest.raises(ObjectLocked) as refused:
        await store.delete(KEY)
    assert (refused.value.until, refused.value.hold) == (None, True)
    assert await store.locks.set(KEY, ObjectLock(hold=False)) == ObjectLock()
    await store.delete(KEY)
    assert [version async for version in store.versions(KEY)] == []


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_deleting_leaves_only_the_locked_version(store: S3Store):
    """Deleting leaves only the locked version, and nothing that is not locked."""
    assert await store.locks.set(KEY, wanted(3))
    assert await store.put(KEY, b"a later version")
    store.client.delete_object(Bucket=store.bucket, Key=f"vault/{KEY}")
    assert len([version async for version in store.versions(KEY)]) == 3
    with pytest.raises(ObjectLocked):
        await store.delete(KEY)
    (left,) = [version async for version in store.versions(KEY)]
    assert (left.size, left.deleted) == (PART + 1, False)


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_the_lock_is_unknown_without_the_permission_to_set_it(store: S3Store):
    """The lock is unknown without the permission to set it, and nothing is locked."""
    deny(store, "s3:PutObjectRetention")
    assert await store.locks.set(KEY, wanted(3)) is None
    await store.delete(KEY)


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_the_lock_is_unknown_without_the_permission_to_read_it(store: S3Store):
    """Case 26: a HEAD without the permission shows no lock, which is not the same as no lock."""
    deny(store, "s3:GetObjectRetention", "s3:GetObjectLegalHold")
    assert await store.locks.set(KEY, wanted(3)) is None
    assert await store.locks.read(KEY) is None
    with pytest.raises(Unavailable):
        await store.delete(KEY)


@pytest.mark.ceph
@pytest.mark.xdist_group("ceph")
async def test_what_a_bucket_can(ceph: str, threads: Threads, store: S3Store):
    """A bucket without locks cannot lock; the default rule of a bucket is found."""
    plain = await open_store(f"s3://{bucket(ceph, lock=False)}/vault?endpoint_url={ceph}", threads)
    assert isinstance(plain, S3Store)
    assert not await plain.locks.enabled()
    assert await plain.locks.default_retention() is None
    plain.close()
    assert await store.locks.enabled()
    assert await store.locks.default_retention() is None
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}
    store.client.put_object_lock_configuration(
        Bucket=store.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert await store.locks.default_retention() == timedelta(days=365)


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    """Each server that has locks."""
    return request.getfixturevalue(request.param)


async def test_what_is_locked_stays_and_what_is_not_goes(url: str, threads: Threads) -> None:
    """Neither the store nor its client can delete the version before its day, and a new one hides nothing."""
    store = await open_store(f"s3://{bucket(url, lock=True)}/vault?endpoint_url={url}&lock_days=3", threads)
    assert isinstance(store, S3Store)
    assert await store.put("log/locked", b"for good", locked=True)
    assert await store.put("log/open", b"for a while")
    (version,) = store.client.list_object_versions(Bucket=store.bucket, Prefix="vault/log/locked")["Versions"]
    name = {"Bucket": store.bucket, "Key": "vault/log/locked", "VersionId": version["VersionId"]}
    kept = store.client.head_object(**name)
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert abs(kept["ObjectLockRetainUntilDate"] - datetime.now(UTC) - DAYS) < timedelta(minutes=5)
    with pytest.raises(Unavailable):
        await store.delete("log/locked")
    with pytest.raises(ClientError):
        store.client.delete_object(**name, BypassGovernanceRetention=True)
    assert await store.put("log/locked", b"another")
    assert store.client.get_object(**name)["Body"].read() == b"for good"
    await store.delete("log/open")
    assert [found.key async for found in store.list("log/")] == ["log/locked"]
    store.close()


async def test_a_bucket_without_locks_refuses_the_start(url: str, threads: Threads) -> None:
    """Anyone who asks for a lock must not go on without one."""
    name = bucket(url, lock=False)
    with pytest.raises(StartRefused, match="Object Lock"):
        await open_store(f"s3://{name}/vault?endpoint_url={url}&lock_days=1", threads)
    store = await open_store(f"s3://{name}/vault?endpoint_url={url}", threads)
    assert await store.put("log/locked", b"as any other", locked=True)
    await store.delete("log/locked")
