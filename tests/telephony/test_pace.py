"""The clocks and the memory of a fetch: slow hosts, slow readers, endless bodies."""

import asyncio
import tracemalloc
from contextlib import aclosing

import pytest

from tests.servers.media import Exchange, MediaServer, answer, endless
from tests.telephony.fetching import BODY, CHUNKED, fails, fetcher_for, get
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.ports.telephony import MediaTooSlow
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
    fetcher = fetcher_for(server, idle=60, grace=60, rate=1e9, window=60, window_bytes=len(BODY))
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
    limits = Limits(idle=15, grace=60, rate=100, window=20, window_bytes=1000, max_bytes=5000)
    pace = Pace(limits)
    assert pace.patience() == 15
    pace.take(1, 14)
    assert pace.patience() == 6
    pace.take(999, 5)
    assert pace.patience() == 15
    pace.take(0, 2)
    assert pace.patience() == 15
    pace.take(999, 10)
    with pytest.raises(MediaTooSlow, match="slowly"):
        pace.take(0, 10)


def test_a_pace_has_a_time_that_grows_with_what_has_arrived() -> None:
    """Sixty seconds, and one for each hundred bytes that came; what was announced counts for nothing."""
    limits = Limits(idle=1000, grace=60, rate=100, window=10_000, max_bytes=5000)
    pace = Pace(limits)
    assert pace.patience() == 60
    pace.take(1000, 50)
    assert pace.patience() == 20
    pace.take(100, 21)
    assert pace.patience() == 0
    with pytest.raises(MediaTooSlow, match="slowly") as failed:
        pace.take(10, 0.2)
    assert not failed.value.final


@pytest.mark.parametrize("rate", [16, 40, 63])
def test_two_gigabytes_at_a_drip_end_soon(rate: int) -> None:
    """Below 64 KiB a second a body ends when its first minute is used up; above, it goes on to its end."""
    limits = Limits()

    def seconds(rate: float) -> int:
        pace = Pace(limits)
        for second in range(limits.max_bytes):
            try:
                pace.take(int(rate * 1024), 1)
            except MediaTooSlow:
                return second
            except FetchFailed:
                return 0
        return 0

    assert seconds(rate) == int(60 / (1 - rate / 64))
    assert seconds(65) == 0


def test_what_came_fast_at_first_pays_for_no_drip() -> None:
    """A gigabyte in a second does not let the rest take hours."""
    pace = Pace(Limits())
    pace.take(1 << 30, 1)
    assert pace.patience() == 15
    for _ in range(9):
        pace.take(1, 14)
    with pytest.raises(MediaTooSlow, match="slowly"):
        pace.take(1, 14)
