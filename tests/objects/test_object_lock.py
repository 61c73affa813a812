"""Object Lock: what is put as locked outlives anyone who has the vault's credentials."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.support.locked_buckets import bucket
from vault.errors import StartRefused, Unavailable
from vault.objects.location import open_store
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults

DAYS = timedelta(days=3)
SERVERS = ["moto_url", pytest.param("ceph", marks=[pytest.mark.ceph, pytest.mark.xdist_group("ceph")])]


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
