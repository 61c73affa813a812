"""What every Fetcher does, asked of the fake and of the real one over a loopback server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from tests.fakes.fetcher import FakeFetcher, Media
from tests.servers.media import MediaServer, answer, head, raw
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.ports.telephony import Fetcher
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher

BODY = bytes(range(256)) * 1024


class World(Protocol):
    """A fetcher, and a host on which media can be put."""

    fetcher: Fetcher

    def whole(self, path: str, body: bytes) -> str:
        """Put a body that arrives whole."""

    def refusing(self, path: str, status: int, *, final: bool) -> str:
        """Put an answer that is only a status."""

    def broken(self, path: str, body: bytes, fail_at: int) -> str:
        """Put a body that breaks off."""

    def hanging(self, path: str) -> str:
        """Put a body that never comes."""

    async def settled(self) -> None:
        """Wait until every fetch has let go of its connection."""


@dataclass
class FakeWorld:
    """The fake, whose media is a dictionary."""

    fetcher: FakeFetcher

    def _put(self, path: str, media: Media) -> str:
        url = f"http://127.0.0.1:9000{path}"
        self.fetcher.serve(url, media)
        return url

    def whole(self, path, body):
        """Put a body that arrives whole."""
        return self._put(path, Media(body=body))

    def refusing(self, path, status, *, final):
        """Put an answer that is only a status."""
        return self._put(path, Media(refuse=FetchFailed(f"The host answered {status}.", final=final)))

    def broken(self, path, body, fail_at):
        """Put a body that breaks off."""
        return self._put(path, Media(body=body, fail_at=fail_at))

    def hanging(self, path):
        """Put a body that never comes."""
        return self._put(path, Media(body=BODY, hang=asyncio.Event()))

    async def settled(self):
        """Wait until every fetch has let go of its connection."""
        assert self.fetcher.open == 0


@dataclass
class RealWorld:
    """The real fetcher, and a server on loopback."""

    fetcher: MediaFetcher
    server: MediaServer

    def whole(self, path, body):
        """Put a body that arrives whole."""
        return self.server.on(path, answer(body))

    def refusing(self, path, status, *, final):
        """Put an answer that is only a status."""
        return self.server.on(path, answer(status=status))

    def broken(self, path, body, fail_at):
        """Put a body that breaks off."""
        return self.server.on(path, raw(head(200, {"Content-Length": str(len(body))}), body[:fail_at]))

    def hanging(self, path):
        """Put a body that never comes."""
        return self.server.on(path, raw(head(200, {"Content-Length": "10"}), hang=True))

    async def settled(self):
        """Wait until every fetch has let go of its connection."""
        for exchange in self.server.exchanges:
            await exchange.gone.wait()


@asynccontextmanager
async def real() -> AsyncIterator[World]:
    async with MediaServer() as server:
        yield RealWorld(MediaFetcher(GuardedHttp(allow=[server.authority])), server)


@asynccontextmanager
async def fake() -> AsyncIterator[World]:
    yield FakeWorld(FakeFetcher(allow=["127.0.0.1:9000"]))


@pytest.fixture(params=[fake, real])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Both worlds, one after the other."""
    async with request.param() as made:
        yield made


def asks(url: str, *hosts: str) -> MediaRequest:
    return MediaRequest(url=url, headers={}, hosts=hosts)


async def get(fetcher: Fetcher, url: str) -> bytes:
    async with fetcher.fetch(asks(url)) as fetched, aclosing(fetched.blocks()) as blocks:
        return b"".join([block async for block in blocks])


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, len(BODY)])
async def test_the_whole_body_arrives(world: World, size: int) -> None:
    """Every byte comes, in order, with its length announced."""
    url = world.whole("/a", BODY[:size])
    async with world.fetcher.fetch(asks(url)) as fetched:
        assert fetched.length == size
        async with aclosing(fetched.blocks()) as blocks:
            assert b"".join([block async for block in blocks]) == BODY[:size]
    await world.settled()


@pytest.mark.parametrize(("status", "final"), [(404, False), (503, False), (410, True)])
async def test_a_refusal_says_whether_trying_again_helps(world: World, status: int, final: bool) -> None:
    """404 may come to be; 410 never will."""
    url = world.refusing("/a", status, final=final)
    with pytest.raises(FetchFailed, match=str(status)) as failed:
        await get(world.fetcher, url)
    assert failed.value.final is final


@pytest.mark.parametrize("fail_at", [0, 1, 65536, len(BODY) - 1])
async def test_a_body_that_breaks_off_is_never_taken_for_whole(world: World, fail_at: int) -> None:
    """What came is yielded, and then FetchFailed says that it was not all."""
    url = world.broken("/a", BODY, fail_at)
    got = b""
    with pytest.raises(FetchFailed) as failed:  # noqa: PT012 - what came before counts
        async with world.fetcher.fetch(asks(url)) as fetched, aclosing(fetched.blocks()) as blocks:
            async for block in blocks:
                got += block
    assert not failed.value.final
    assert got == BODY[:fail_at]


@pytest.mark.parametrize(
    "url",
    ["https://other.example/a", "http://provider.example/a", "https://me@provider.example/a", "ftp://x/a"],
)
async def test_what_may_not_be_reached_is_final(world: World, url: str) -> None:
    """A foreign host, plain http, a user in the URL and another scheme are refused for good."""
    with pytest.raises(FetchFailed) as failed:
        async with world.fetcher.fetch(asks(url, "provider.example")):
            pytest.fail("It was opened.")
    assert failed.value.final
    assert "example" not in str(failed.value)


async def test_the_callers_own_error_passes_unchanged(world: World) -> None:
    """An error of the sealing side is not translated, and the connection ends."""
    url = world.whole("/a", BODY)
    with pytest.raises(TimeoutError, match="mine"):  # noqa: PT012 - the error is the caller\'s
        async with world.fetcher.fetch(asks(url)) as fetched, aclosing(fetched.blocks()) as blocks:
            async for _ in blocks:
                raise TimeoutError("mine")
    await world.settled()


async def test_leaving_early_closes(world: World) -> None:
    """A caller who has seen enough leaves nothing open, with or without a first block."""
    url = world.whole("/a", BODY)
    async with world.fetcher.fetch(asks(url)):
        pass
    async with world.fetcher.fetch(asks(url)) as fetched, aclosing(fetched.blocks()) as blocks:
        assert BODY.startswith(await anext(blocks))
    await world.settled()


async def test_cancelling_ends_a_fetch_that_hangs(world: World) -> None:
    """A cancelled fetch ends immediately and lets its connection go."""
    url = world.hanging("/a")
    begun = asyncio.Event()

    async def fetch() -> None:
        async with world.fetcher.fetch(asks(url)) as fetched, aclosing(fetched.blocks()) as blocks:
            begun.set()
            async for _ in blocks:
                pytest.fail("It hangs.")

    task = asyncio.create_task(fetch())
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await world.settled()
