"""The clocks and the memory of a fetch: slow hosts, slow readers, endless bodies."""

import asyncio
import tracemalloc
from contextlib import aclosing

import pytest

from tests.servers.media import Exchange, MediaServer, answer, endless
from tests.telephony.fetching import BODY, CHUNKED, fails, fetcher_for, get
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.limits import Limits, Pace


async def test_the_limit_of_bytes_is_counted_and_not_believed(server: MediaServer) -> None:
    """A body without a length ends one block after the limit; exactly the limit is allowed."""
    limit = 1 << 20
    assert "more than" in await fails(server, endless(), final=True, max_bytes=limit)
    assert server.exchanges[-1].sent < limit + (16 << 20)
    url = server.on("/b", answer(BODY))
    assert len(await get(fetcher_for(server, max_bytes=len(BODY)), url)) == len(BODY)
    assert "more than" in await fails(server, answer(BODY), final=True, max_bytes=len(BODY) - 1)


async def test_memory_does_not_grow_with_the_body(server: MediaServer) -> None:
    """Sixty-four megabytes pass through a few hundred kilobytes."""
    size = 64 << 20
    url = server.on("/a", endless())
    request = MediaRequest(url=url, headers={}, hosts=())
    received = 0
    tracemalloc.start()
    try:
        async with fetcher_for(server).fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
            async for block in blocks:
                assert len(block) <= 65536
                received += len(block)
                if received >= size:
                    break
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{received >> 20} MiB fetched, {peak >> 10} KiB at the peak")
    assert peak < 4 << 20


async def test_a_reader_who_waits_holds_the_host_back(server: MediaServer) -> None:
    """What nobody reads stays with the host, but for the kernel's buffers."""
    stalled = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.send(CHUNKED)
        while not exchange.gone.is_set():
            try:
                async with asyncio.timeout(0.3):
                    await exchange.send(b"10000\r\n" + bytes(65536) + b"\r\n")
            except TimeoutError:
                stalled.set()
                await exchange.gone.wait()

    url = server.on("/a", script)
    request = MediaRequest(url=url, headers={}, hosts=())
    async with fetcher_for(server).fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
        await anext(blocks)
        await stalled.wait()
    assert server.exchanges[0].sent < 32 << 20


async def test_our_own_slowness_is_not_the_hosts(
    server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks stand while the caller works on a block."""
    url = server.on("/a", answer(BODY))
    fetcher = fetcher_for(server, idle=60, total=60, total_rate=1e9, window=60, window_bytes=len(BODY))
    request = MediaRequest(url=url, headers={}, hosts=())
    got = 0
    loop = asyncio.get_running_loop()
    clock = loop.time
    async with fetcher.fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
        async for block in blocks:
            if not got:
                # An hour passes, and whichever clock runs would ring.
                monkeypatch.setattr(loop, "time", lambda: clock() + 3600)
                for _ in range(3):
                    await asyncio.sleep(0)
            got += len(block)
    assert got == len(BODY)


def test_a_pace_is_counted_in_windows() -> None:
    """A window ends when its time is over, and the next one begins at nothing."""
    limits = Limits(idle=15, total=60, total_rate=100, window=20, window_bytes=1000, max_bytes=5000)
    pace = Pace(limits, 1000)
    assert pace.patience() == 15
    pace.take(1, 14)
    assert pace.patience() == 6
    pace.take(999, 5)
    assert pace.patience() == 15
    pace.take(0, 2)
    assert pace.patience() == 15
    pace.take(999, 10)
    with pytest.raises(FetchFailed, match="slowly"):
        pace.take(0, 10)


def test_a_pace_has_a_total_that_grows_with_the_size() -> None:
    """Sixty seconds and the size at the rate; without a length the largest size counts."""
    limits = Limits(idle=1000, total=60, total_rate=100, window=10_000, max_bytes=5000)
    assert Pace(limits, 1000).patience() == 70
    assert Pace(limits, None).patience() == 110
    pace = Pace(limits, 1000)
    pace.take(10, 70)
    with pytest.raises(FetchFailed, match="slowly"):
        pace.take(10, 0.1)
