"""What the requests to S3 are like."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.s3_store import s3_store
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
