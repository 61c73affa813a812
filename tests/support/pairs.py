"""The object stores of the pairs that cases about rights run on, and what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.s3_store import s3_store
from vault.objects.directory import DirectoryStore
from vault.objects.s3 import S3Store
from vault.ports.objects import ObjectStore
from vault.thread_pools import Threads

#: The fixture with the URL of each server of S3.
S3_SERVERS = {"moto": "moto_url", "ceph": "ceph"}


@contextmanager
def store_of(
    request: pytest.FixtureRequest, pair: str, folder: Path, threads: Threads
) -> Iterator[ObjectStore]:
    """Open the empty store of a pair: below ``folder``, or in a bucket of its own that keeps every version."""
    _, _, kind = pair.partition("-")
    if kind == "directory":
        yield DirectoryStore(folder / "objects", threads)
        return
    store = s3_store(request.getfixturevalue(S3_SERVERS[kind]), threads, versioned=True)
    yield store
    store.close()


async def keys_in(store: ObjectStore, prefix: str = "") -> list[str]:
    """Return the key of each version and delete marker, without those of closing acts."""
    found = [version.key async for version in store.versions(prefix)]
    return [key for key in found if not key.startswith(("closing/", "closed/"))]


def url_of(store: ObjectStore) -> str:
    """Return the URL by which another process opens the store."""
    if isinstance(store, S3Store):
        endpoint = quote(store.client.meta.endpoint_url, safe="")
        return f"s3://{store.bucket}/{store.prefix}?endpoint_url={endpoint}"
    assert isinstance(store, DirectoryStore)
    return f"file://{store.root}"
