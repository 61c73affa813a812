"""The object store's port, on the fake and on every real store.

moto's server checks neither signatures nor checksums. The Ceph gateway (18.2) ignores If-None-Match when
a multipart upload is completed, and on every write to a versioned bucket. Tests say where that matters.
"""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.ports.conftest import Adapter
from tests.support.s3_store import PART
from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.objects.owner import OWNER, claim
from vault.objects.s3 import S3Store
from vault.ports.objects import ObjectStore

SIZES = [0, 1, PART - 1, PART, PART + 1, 2 * PART + 5]
NOISE = secrets.token_bytes(2 * PART + 5)
VERSIONED_CEPH = "The Ceph gateway 18.2 ignores If-None-Match in a versioned bucket; S3 answers 412."
LATER = datetime.now(UTC) + timedelta(days=1)


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [found.key async for found in store.list(prefix)]


async def write(store: ObjectStore, key: str, body: bytes, block: int = 1_000_003) -> int:
    writer = await store.create(key)
    for start in range(0, len(body), block):
        await writer.write(body[start : start + block])
    return await writer.finish()


@pytest.mark.parametrize("size", SIZES)
async def test_an_object_of_any_size_comes_back_whole(store: ObjectStore, size: int) -> None:
    """What is written in odd blocks is read back byte for byte, also across the borders of parts."""
    body = NOISE[:size]
    assert (await write(store, "v1/a/b", body), await store.size("v1/a/b")) == (size, size)
    assert await store.read("v1/a/b", 0, size) == body
    for start, end in [(0, 1), (size // 2, size // 2 + 70_000), (PART - 3, PART + 3), (size - 1, size)]:
        if start >= 0 and end <= size:
            assert await store.read("v1/a/b", start, end) == body[start:end]
    assert await keys(store) == ["v1/a/b"]


async def test_nothing_is_visible_before_finish(store: ObjectStore) -> None:
    """A half-written object cannot be read, measured or listed."""
    writer = await store.create("v1/half")
    await writer.write(NOISE[: PART + 7])
    with pytest.raises(NotFound):
        await store.size("v1/half")
    with pytest.raises(NotFound):
        await store.read("v1/half", 0, 1)
    assert await keys(store) == []
    await writer.finish()
    assert await keys(store) == ["v1/half"]


async def test_an_aborted_object_leaves_nothing(store: ObjectStore) -> None:
    """Abort leaves neither object nor unfinished upload, also when it is called twice."""
    writer = await store.create("v1/given-up")
    await writer.write(NOISE)
    await writer.abort()
    await writer.abort()
    assert await keys(store) == []
    assert await store.abort_uploads("", before=LATER) == 0


async def test_a_cancelled_write_can_be_aborted(store: ObjectStore) -> None:
    """After its caller was cancelled in the middle of a write, an object can still be given up."""
    writer = await store.create("v1/cancelled")
    task = asyncio.create_task(writer.write(NOISE))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await writer.abort()
    assert await keys(store) == []
    assert await store.abort_uploads("", before=LATER) == 0


async def test_a_writer_is_used_once(store: ObjectStore) -> None:
    """After finish a writer takes nothing more, and abort no longer touches the object."""
    writer = await store.create("v1/once")
    await writer.write(b"all")
    await writer.finish()
    with pytest.raises(RuntimeError):
        await writer.write(b"more")
    with pytest.raises(RuntimeError):
        await writer.finish()
    await writer.abort()
    assert await store.get("v1/once") == b"all"


@pytest.mark.parametrize("size", [3, PART + 1])
async def test_a_written_object_never_replaces_another(adapter: Adapter, size: int) -> None:
    """A second object under a key is refused, and the first one stays."""
    if adapter.name.startswith("ceph") and size > PART:
        pytest.skip("The Ceph gateway 18.2 ignores If-None-Match on CompleteMultipartUpload; S3 answers 412.")
    if adapter.name == "ceph-versioned":
        pytest.skip(VERSIONED_CEPH)
    await write(adapter.store, "v1/taken", b"first")
    with pytest.raises(Unavailable):
        await write(adapter.store, "v1/taken", NOISE[:size])
    assert await adapter.store.get("v1/taken") == b"first"
    assert await adapter.store.abort_uploads("", before=LATER) == 0


async def test_put_replaces_unless_told_not_to(store: ObjectStore) -> None:
    """Put writes over an object; with if_absent the object stays and False comes back."""
    assert await store.put("v1/small", b"one", if_absent=True) is True
    assert await store.put("v1/small", b"two", if_absent=True) is False
    assert await store.get("v1/small") == b"one"
    assert await store.put("v1/small", b"three") is True
    assert await store.get("v1/small") == b"three"


async def test_one_of_many_wins_the_key(adapter: Adapter) -> None:
    """Of several puts with if_absent concurrently exactly one is taken, and its body stays."""
    if adapter.name == "ceph-versioned":
        pytest.skip(VERSIONED_CEPH)
    store = adapter.store
    bodies = [bytes([number]) * 100 for number in range(8)]
    won = await asyncio.gather(*[store.put("v1/race", body, if_absent=True) for body in bodies])
    assert sum(won) == 1
    assert await store.get("v1/race") == bodies[won.index(True)]


async def test_what_is_missing_is_not_found(store: ObjectStore) -> None:
    """Reading, getting and measuring a key without an object raise NotFound."""
    for missing in (store.get("v1/none"), store.size("v1/none"), store.read("v1/none", 0, 5)):
        with pytest.raises(NotFound):
            await missing
    with pytest.raises(NotFound):
        await store.read("v1/none", 0, 0)
    await store.put("v1/file", b"x")
    with pytest.raises(NotFound):
        await store.get("v1/file/below")
    with pytest.raises(NotFound):
        await store.get("v1")


@pytest.mark.parametrize(("start", "end"), [(0, 11), (9, 11), (10, 11), (40, 50), (11, 11)])
async def test_an_object_that_lost_its_end_is_tampered(store: ObjectStore, start: int, end: int) -> None:
    """A range that the object must have but does not raises Tampered, wherever it begins."""
    await store.put("v1/short", b"0123456789")
    assert await store.read("v1/short", 10, 10) == b""
    with pytest.raises(Tampered):
        await store.read("v1/short", start, end)


async def test_get_takes_one_mebibyte_and_no_more(store: ObjectStore) -> None:
    """A small object of exactly 1 MiB is returned; one byte more is Tampered."""
    await store.put("v1/largest", NOISE[: 1024 * 1024])
    await store.put("v1/larger", NOISE[: 1024 * 1024 + 1])
    assert await store.get("v1/largest") == NOISE[: 1024 * 1024]
    with pytest.raises(Tampered):
        await store.get("v1/larger")


async def test_deleting_is_complete_and_repeatable(store: ObjectStore) -> None:
    """A deleted object is gone with all that was ever under its key; its neighbours stay."""
    await store.put("v1/x/gone", b"one")
    await store.put("v1/x/gone", b"two")
    await store.put("v1/x/gone-not", b"stays")
    await store.delete("v1/x/gone")
    await store.delete("v1/x/gone")
    await store.delete("v1/never/was")
    with pytest.raises(NotFound):
        await store.size("v1/x/gone")
    assert await keys(store) == ["v1/x/gone-not"]
    await store.put("v1/x/gone", b"new")
    assert await store.get("v1/x/gone") == b"new"


async def test_deleting_leaves_no_version_and_no_marker(adapter: Adapter) -> None:
    """In a bucket, every version goes and every delete marker, also one that somebody else has set."""
    store = adapter.store
    if not isinstance(store, S3Store):
        pytest.skip("Only a bucket has versions.")
    for body in (b"one", b"two"):
        await store.put("v1/erased", body)
    store.client.delete_object(Bucket=store.bucket, Key="vault/v1/erased")
    await store.put("v1/erased", b"three")
    store.client.delete_object(Bucket=store.bucket, Key="vault/v1/erased")
    before = store.client.list_object_versions(Bucket=store.bucket)
    found = len(before.get("Versions", [])), len(before.get("DeleteMarkers", []))
    assert found == ((3, 2) if adapter.name.endswith("-versioned") else (0, 0))
    await store.delete("v1/erased")
    after = store.client.list_object_versions(Bucket=store.bucket)
    assert "Versions" not in after
    assert "DeleteMarkers" not in after


async def test_only_the_newest_version_is_left(adapter: Adapter) -> None:
    """What was written over before is gone, delete markers too; the neighbour whose key begins so keeps its own."""
    store = adapter.store
    await store.delete_older("v1/never/was")
    for body in (b"one", b"two"):
        await store.put("v1/kept", body)
        await store.put("v1/kept-not", body)
    if isinstance(store, S3Store):
        store.client.delete_object(Bucket=store.bucket, Key="vault/v1/kept")
    await store.put("v1/kept", b"three")
    await store.delete_older("v1/kept")
    assert await store.get("v1/kept") == b"three"
    assert await store.get("v1/kept-not") == b"two"
    if isinstance(store, S3Store):
        left = store.client.list_object_versions(Bucket=store.bucket)
        others = ["kept-not"] * (2 if adapter.name.endswith("-versioned") else 1)
        assert [entry["Key"].removeprefix("vault/v1/") for entry in left["Versions"]] == ["kept", *others]


async def test_deleting_and_writing_neighbours_at_once(store: ObjectStore) -> None:
    """Objects that come and go in one folder at the same time do not take it from each other."""

    async def come_and_go(number: int) -> None:
        for turn in range(5):
            await store.put(f"shared/folder/{number}-{turn}", b"here")
            assert await store.get(f"shared/folder/{number}-{turn}") == b"here"
            await store.delete(f"shared/folder/{number}-{turn}")

    await asyncio.gather(*[come_and_go(number) for number in range(4)])
    assert await keys(store) == []


async def test_stale_uploads_are_aborted(adapter: Adapter) -> None:
    """Uploads that began before the time are aborted below the prefix, others and objects are not."""
    store = adapter.store
    await write(store, "v1/a/whole", b"whole")
    first, second = await store.create("v1/a/one"), await store.create("v1/b/two")
    await first.write(NOISE[: PART + 1])
    await second.write(NOISE[: PART + 1])
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    if not adapter.name.startswith("moto"):  # moto 5.2 says of every upload that it began in 2010.
        assert await store.abort_uploads("", before=long_ago) == 0
    assert await store.abort_uploads("v1/a/", before=LATER) == 1
    with pytest.raises(Unavailable):
        await first.finish()
    assert await second.finish() == PART + 1
    assert await keys(store) == ["v1/a/whole", "v1/b/two"]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "a/../b", ".incoming/x", "a\n", "ä", "a b", "a" * 201]
)
async def test_what_is_no_key_is_refused(store: ObjectStore, key: str) -> None:
    """Keys that could climb out, hide or need quoting are refused by every method."""
    for method in (store.create, store.get, store.size, store.delete):
        with pytest.raises(ValueError, match="is not valid"):
            await method(key)
    with pytest.raises(ValueError, match="is not valid"):
        await store.put(key, b"")
    with pytest.raises(ValueError, match="is not valid"):
        await store.read(key, 0, 1)


async def test_a_store_belongs_to_the_first_vault_that_claims_it(store: ObjectStore) -> None:
    """The owner may claim again; another vault is refused and told both ids."""
    await claim(store, "vault_one")
    await claim(store, "vault_one")
    with pytest.raises(StartRefused, match=r"vault_one.*vault_two"):
        await claim(store, "vault_two")
    await claim(store, "vault_one")


@pytest.mark.parametrize("marker", [b"", b"[]", b'{"vault_id": "vault_one"}', b"\xff", b"{}"])
async def test_a_marker_that_says_nothing_refuses_the_start(store: ObjectStore, marker: bytes) -> None:
    """A marker that cannot be understood is neither taken for one's own nor replaced."""
    await store.put(OWNER, marker)
    with pytest.raises(StartRefused, match=r"owner\.json"):
        await claim(store, "vault_one")
    assert await store.get(OWNER) == marker
