"""Versions of objects, on every store; and what comparing says of a key that has more than one.

Listing objects, on the fake and on every real store.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ports.conftest import Adapter
from tests.support.restoring import available, write_all
from tests.support.service_house import House, new_house
from vault.domain.stored.manifest import location_of
from vault.objects.s3 import S3Store
from vault.ports.objects import ObjectStore
from vault.thread_pools import Threads


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [found.key async for found in store.list(prefix)]


async def test_listing_is_in_the_order_of_keys(store: ObjectStore) -> None:
    """Keys come in byte order, whatever folders they make, with their sizes, and only below the prefix."""
    names = ["a-b", "a/b", "a/c/d", "a0", "b/a", "b.a", "B", "ab/c", "a/c-d"]
    before = datetime.now(UTC) - timedelta(minutes=5)
    for name in names:
        await store.put(name, name.encode())
    found = [entry async for entry in store.list("")]
    assert [entry.key for entry in found] == sorted(names)
    assert [entry.size for entry in found] == [len(name) for name in sorted(names)]
    assert all(before < entry.modified < before + timedelta(days=1) for entry in found)
    for prefix in ["a", "a/", "a/c", "a/c/", "b", "x", "a/x/"]:
        assert await keys(store, prefix) == sorted(name for name in names if name.startswith(prefix))


async def test_a_listing_begins_after_a_key(store: ObjectStore) -> None:
    """After one that exists or not, in any folder; whole folders before it are left out."""
    names = ["a", "b/a", "b/c", "b/d/e", "b-a", "c/a"]
    for name in names:
        await store.put(f"v1/{name}", b"1")
    known = sorted(f"v1/{name}" for name in names)
    for after in [
        "",
        "v1/",
        "v1/b",
        "v1/b/",
        "v1/b/a",
        "v1/b/b",
        "v1/b/d",
        "v1/b/d/e",
        "v1/c",
        "v1/c/a",
        "v2",
    ]:
        found = [stored.key async for stored in store.list("v1/", after=after)]
        assert found == [key for key in known if key > after], after


async def test_listing_goes_past_one_page(adapter: Adapter) -> None:
    """More objects than fit into one answer of the server are all listed."""
    count = 1003 if adapter.name in {"fake", "directory", "moto"} else 1001 if adapter.name == "ceph" else 0
    if not count:
        pytest.skip("Versions do not change how current objects are listed; the plain bucket shows it.")
    names = [f"many/{number:05d}" for number in range(count)]
    for some in range(0, count, 8):
        await asyncio.gather(*[adapter.store.put(name, b"") for name in names[some : some + 8]])
    assert await keys(adapter.store, "many/") == names


@pytest.fixture
async def house(tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault with one account that is connected."""
    async with new_house(tmp_path, threads) as made:
        yield made


async def versions(adapter: Adapter, prefix: str) -> list[tuple[str, int, bool, bool]]:
    """Return key, size, and whether it is the latest, and a delete marker, in the order of the listing."""
    return [(one.key, one.size, one.latest, one.deleted) async for one in adapter.store.versions(prefix)]


async def test_every_version_is_listed_key_by_key(adapter: Adapter):
    """The newest first where the store keeps several; a delete marker is one; other prefixes are not seen."""
    keeps = adapter.name.endswith("versioned")
    for key, body in (("a/1", b"one"), ("a/2", b"two"), ("a/1", b"three"), ("b/1", b"other"), ("a/1x", b"")):
        await adapter.store.put(key, body)
    if isinstance(adapter.store, S3Store):
        adapter.store.client.delete_object(Bucket=adapter.store.bucket, Key=adapter.store.prefix + "a/2")
    found = await versions(adapter, "a/")
    older = [("a/1", 3, False, False)] if keeps else []
    expected = [("a/1", 5, True, False), *older, ("a/1x", 0, True, False)]
    if keeps:
        expected += [("a/2", 0, True, True), ("a/2", 3, False, False)]
    elif not isinstance(adapter.store, S3Store):
        expected.append(("a/2", 3, True, False))
    assert sorted(found) == sorted(expected)
    assert [key for key, *_ in found] == sorted(key for key, *_ in found)
    assert [key for key, *_ in await versions(adapter, "")] == [*[key for key, *_ in found], "b/1"]
    assert await versions(adapter, "c/") == []


async def test_a_version_too_many_is_a_finding(adapter: Adapter, house: House):
    """An older manifest that stayed, and audio that was deleted by its marker alone; elsewhere nothing."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    for key, kept in sorted(house.objects.objects.items()):
        await adapter.store.put(key, bytes(kept.body))
    verb = replace(house.vault.backup.fsck, objects=adapter.store, grace=-timedelta(days=1))
    assert (await verb(sample=1, rate=0)).findings == []
    manifest = location_of(house.account.id, recording_id)
    await adapter.store.put(manifest, bytes(house.objects.objects[manifest].body))
    row = await house.row(recording_id)
    assert row.audio is not None
    findings = (await verb(sample=1, rate=0)).findings
    if not adapter.name.endswith("versioned"):
        assert findings == []
        return
    assert findings == [f"{manifest}: it has 2 versions instead of one."]
    store = adapter.store
    assert isinstance(store, S3Store)
    store.client.delete_object(Bucket=store.bucket, Key=store.prefix + row.audio.location)
    assert (await verb(sample=0, rate=0)).findings == [
        f"{recording_id}: its audio {row.audio.location} is missing.",
        f"{manifest}: it has 2 versions instead of one.",
        f"{row.audio.location}: it was deleted, and 1 older versions of it are still there.",
    ]
    assert datetime.now(UTC) > row.received_at


async def test_a_replaced_object_has_one_version(adapter: Adapter) -> None:
    """Older versions go with it; the first version is written in one request, which looks for none."""
    store = adapter.store
    await store.replace("v1/whole", b"one", first=True)
    await store.replace("v1/whole", b"two")
    assert await store.get("v1/whole") == b"two"
    if isinstance(store, S3Store):
        found = store.client.list_object_versions(Bucket=store.bucket, Prefix="vault/v1/whole")
        assert len(found["Versions"]) == 1
        requests: list[str] = []
        store.client.meta.events.register("before-send", lambda request, **_: requests.append(request.method))
        await store.replace("v1/new", b"one", first=True)
        assert requests == ["PUT"]
