"""What the vault does with its bucket, by its own store, and what its role must never do."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vault.errors import NotFound
from vault.objects import s3_client
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

PART = 5 * 1024 * 1024
LATER = datetime.now(UTC) + timedelta(days=1)


async def whole_cycle(store: S3Store) -> None:
    """Do everything that the vault does with a store, and look at what came of it."""
    assert await store.put("check/owner.json", b"first", if_absent=True)
    assert not await store.put("check/owner.json", b"second", if_absent=True)
    assert await store.put("check/owner.json", b"third")
    assert await store.get("check/owner.json") == b"third"
    with pytest.raises(NotFound):
        await store.get("check/nothing.json")
    body = secrets.token_bytes(PART + 9)
    writer = await store.create("check/one")
    await writer.write(body)
    assert await writer.finish() == len(body)
    assert await store.read("check/one", PART - 3, PART + 9) == body[PART - 3 :]
    await store.delete_older("check/owner.json")
    assert [(one.key, one.deleted) async for one in store.versions("check/owner")] == [
        ("check/owner.json", False)
    ]
    left = await store.create("check/left")
    await left.write(body)
    await asyncio.gather(*left._in_flight)
    assert await store.abort_uploads("check/", before=LATER) == 1
    assert [one.key async for one in store.list("check/")] == ["check/one", "check/owner.json"]
    for key in ("check/owner.json", "check/one"):
        await store.delete(key)
    assert [one.key async for one in store.list("check/")] == []


def opened(url: str, bucket: str, threads: Threads, monkeypatch: Any, given: Mapping[str, str]) -> S3Store:
    """Open the vault's own store with these credentials in the environment."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    client = s3_client.connect(endpoint_url=url, region="us-east-1", connections=4)
    return S3Store(client, bucket, "vault/", threads, part_size=PART, attempts=2, pause=0.01)


#: What the role must not do, whatever the code has become.
FORBIDDEN = {
    "another prefix": lambda s3, bucket: s3.put_object(Bucket=bucket, Key="elsewhere/x", Body=b"x"),
    "the bucket": lambda s3, bucket: s3.delete_bucket(Bucket=bucket),
    "its policy": lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket),
    "its versions": lambda s3, bucket: s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    ),
    "its rules": lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
}


def refused(s3: Any, bucket: str) -> list[str]:
    """Return what of the forbidden things was refused with AccessDenied."""
    found = []
    for name, attempt in FORBIDDEN.items():
        try:
            attempt(s3, bucket)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied", name
            found.append(name)
    return found
