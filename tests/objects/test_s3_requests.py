"""What the requests to S3 are like.

What an operator reads when the object store is not the one that was meant says what to do.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.servers.openbao import make_certificate
from tests.support.s3_store import s3_store
from vault.errors import Unavailable
from vault.objects import s3_client
from vault.objects.s3 import S3Store
from vault.thread_pools import Threads


@pytest.fixture
def store(moto_url: str) -> Iterator[S3Store]:
    """A store in a bucket of its own."""
    threads = Threads("test", 1)
    store: S3Store = s3_store(moto_url, threads, versioned=False)
    yield store
    store.close()
    threads.close()


async def test_a_body_is_sent_without_asking_first(store: S3Store):
    """Waiting for 100 Continue would cost a round trip for each object."""
    sent: list[Any] = []
    store.client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request))
    writer = await store.create("recordings/a/b/c.audio")
    await writer.write(b"audio")
    await writer.finish()
    await store.put("manifests/a/b.json", b"{}")
    assert [request.method for request in sent] == ["PUT", "PUT"]
    assert all("Expect" not in request.headers for request in sent)


@asynccontextmanager
async def _store(url: str) -> AsyncIterator[S3Store]:
    """A store on a bucket that nobody made."""
    threads = Threads("test", 1)
    client = s3_client.connect(endpoint_url=url, region="us-east-1", connections=1)
    store = S3Store(client, "never-made", "v/", threads, attempts=2, pause=0.001)
    try:
        yield store
    finally:
        store.close()
        threads.close()


async def test_a_bucket_that_is_missing_has_to_be_created(moto_url: str):
    """The remedy, and which setting names the bucket."""
    async with _store(moto_url) as store:
        for call in (lambda: store.get("owner.json"), lambda: store.put("owner.json", b"{}")):
            with pytest.raises(Unavailable, match="create it, or correct VAULT_OBJECTS_URL"):
                await call()


async def test_a_certificate_of_a_private_authority_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It looks like a server that does not answer; the remedy is a setting of boto3."""
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server, _store(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as store:
        with pytest.raises(
            Unavailable, match=r"certificate of the object store is not trusted.* AWS_CA_BUNDLE"
        ):
            await store.get("owner.json")


def test_a_wrong_clock_is_named():
    """The code of S3 names no clock, and the remedy is not at the store."""
    error = ClientError({"Error": {"Code": "RequestTimeTooSkewed"}}, "ListObjectsV2")
    assert "clock is wrong: correct it" in str(s3_client.S3Refusal(error, uncertain=False).translated())
