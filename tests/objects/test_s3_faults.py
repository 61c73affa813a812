"""S3 behind a network that loses, breaks and changes what passes: moto's server through a proxy."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.faulty import Fault, FaultyProxy, faulty_proxy
from vault.errors import NotFound, Unavailable
from vault.objects import s3_client
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults

PART = 5 * 1024 * 1024
LARGE = secrets.token_bytes(PART + 11)
LATER = datetime.now(UTC) + timedelta(days=1)


@dataclass
class Line:
    """A store, the proxy in front of it, and the same store on a line without faults."""

    store: S3Store
    proxy: FaultyProxy
    behind: S3Store


@pytest.fixture
def line(moto_url: str) -> Iterator[Line]:
    """A store on a bucket of its own, through a proxy that knows no fault yet."""
    bucket = f"test-{secrets.token_hex(8)}"
    threads = Threads("test", 4)
    with faulty_proxy(moto_url) as proxy:
        stores = []
        for url in (proxy.url, moto_url):
            client = s3_client.connect(endpoint_url=url, region=None, connections=4)
            stores.append(S3Store(client, bucket, "v/", threads, part_size=PART, attempts=3, pause=0.001))
        stores[1].client.create_bucket(Bucket=bucket)
        yield Line(stores[0], proxy, stores[1])
        for store in stores:
            store.close()
    threads.close()


async def write(store: S3Store, body: bytes) -> int:
    writer = await store.create("key")
    try:
        await writer.write(body)
        return await writer.finish()
    except BaseException:
        await writer.abort()
        raise


LARGE_REQUESTS = [r"POST .*uploads", r"PUT .*partNumber=1", r"PUT .*partNumber=2", r"POST .*uploadId="]


@pytest.mark.parametrize("kind", ["refuse", "busy", "lose"])
@pytest.mark.parametrize("request_", [*LARGE_REQUESTS, "HEAD"])
async def test_a_large_object_survives_one_fault(line: Line, kind: str, request_: str) -> None:
    """Each request of a multipart upload may fail or lose its answer once: the object is whole."""
    line.proxy.faults.append(Fault(kind, request_))
    assert await write(line.store, LARGE) == len(LARGE)
    assert line.proxy.faults == []
    assert await line.behind.read("key", 0, len(LARGE)) == LARGE


@pytest.mark.parametrize("request_", LARGE_REQUESTS)
async def test_a_large_object_that_cannot_be_sent_leaves_nothing(line: Line, request_: str) -> None:
    """When the tries are used up the error is Unavailable, and neither object nor upload stays."""
    line.proxy.faults += [Fault("busy", request_)] * 3
    with pytest.raises(Unavailable):
        await write(line.store, LARGE)
    assert line.proxy.faults == []
    with pytest.raises(NotFound):
        await line.behind.size("key")
    assert await line.behind.abort_uploads("", before=LATER) == 0


async def test_answers_to_the_last_request_that_are_all_lost_do_not_lose_the_object(line: Line) -> None:
    """Where every answer to Complete is lost, the object's size and mark say that it is there."""
    line.proxy.faults += [Fault("lose", r"POST .*uploadId=")] * 3
    assert await write(line.store, LARGE) == len(LARGE)
    assert await line.behind.read("key", 0, len(LARGE)) == LARGE


async def test_an_error_inside_a_200_is_an_error(line: Line) -> None:
    """S3 may answer 200 to Complete and then say that it failed: it is tried again, or Unavailable."""
    line.proxy.faults.append(Fault("error in 200", r"POST .*uploadId="))
    assert await write(line.store, LARGE) == len(LARGE)
    assert await line.behind.read("key", 0, len(LARGE)) == LARGE
    await line.behind.delete("key")
    line.proxy.faults += [Fault("error in 200", r"POST .*uploadId=")] * 3
    with pytest.raises(Unavailable):
        await write(line.store, LARGE)
    with pytest.raises(NotFound):
        await line.behind.size("key")


@pytest.mark.parametrize("kind", ["refuse", "busy", "lose"])
async def test_a_small_object_survives_one_fault(line: Line, kind: str) -> None:
    """The retry of a PutObject whose answer was lost finds its own object, and takes it for its own."""
    line.proxy.faults.append(Fault(kind, "PUT"))
    assert await write(line.store, b"small") == 5
    assert line.proxy.faults == []
    assert await line.behind.get("key") == b"small"


@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_answer_to_put_if_absent_is_told_from_a_taken_key(line: Line, times: int) -> None:
    """Who made the object gets True although the answer was lost; who came later gets False."""
    line.proxy.faults += [Fault("lose", "PUT")] * times
    assert await line.store.put("key", b"mine", if_absent=True) is True
    line.proxy.faults.append(Fault("lose", "PUT"))
    assert await line.store.put("key", b"mine", if_absent=True) is False


async def test_a_first_version_whose_answer_was_lost_stays_the_only_one(line: Line) -> None:
    """The repeated request leaves a second version in a bucket with versions, and that is deleted."""
    client, bucket = line.behind.client, line.behind.bucket
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    line.proxy.faults.append(Fault("lose", "PUT"))
    await line.store.replace("key", b"manifest", first=True)
    assert line.proxy.faults == []
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert await line.behind.get("key") == b"manifest"


async def test_a_key_taken_by_another_is_told_after_a_lost_answer(line: Line) -> None:
    """A second writer whose answers are lost does not take the first one's object for its own."""
    await line.behind.put("key", b"other")
    line.proxy.faults.append(Fault("lose", "PUT"))
    with pytest.raises(Unavailable):
        await write(line.store, b"mine.")
    assert await line.behind.get("key") == b"other"


async def test_a_checksum_that_comes_back_different_is_tried_again(line: Line) -> None:
    """Where the store says that it took other bytes, the part is sent again; if always, Unavailable."""
    line.proxy.faults.append(Fault("other checksum", r"PUT .*partNumber=1"))
    assert await write(line.store, LARGE) == len(LARGE)
    assert len([request for request in line.proxy.requests if "partNumber=1" in request]) == 2
    await line.behind.delete("key")
    line.proxy.faults += [Fault("other checksum", r"PUT .*partNumber=2")] * 3
    with pytest.raises(Unavailable):
        await write(line.store, LARGE)


@pytest.mark.parametrize("kind", ["refuse", "busy", "cut", "shorter"])
async def test_a_range_that_breaks_off_is_read_again(line: Line, kind: str) -> None:
    """A body that ends early is never returned: it is read again, and then whole, or Unavailable."""
    await line.behind.put("key", b"0123456789")
    line.proxy.faults.append(Fault(kind, "GET"))
    assert await line.store.read("key", 2, 9) == b"2345678"
    assert line.proxy.faults == []
    line.proxy.faults += [Fault(kind, "GET")] * 3
    with pytest.raises(Unavailable):
        await line.store.read("key", 2, 9)


async def test_a_server_that_is_not_there_is_unavailable(moto_url: str) -> None:
    """Nobody listening, and a bucket that does not exist, are Unavailable and never NotFound."""
    threads = Threads("test", 1)
    for url, bucket in [("http://127.0.0.1:9", "bucket"), (moto_url, "no-such-bucket")]:
        client = s3_client.connect(endpoint_url=url, region=None, connections=1)
        store = S3Store(client, bucket, "", threads, attempts=2, pause=0.001)
        with pytest.raises(Unavailable):
            await store.get("key")
        with pytest.raises(Unavailable):
            await store.put("key", b"")
        store.close()
    threads.close()
