"""A load of requests: many connections, each with one request under way, all prepared before the clock starts."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import uvloop

from bench.figures import percentile

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def load(
    *, port: int, requests: deque[bytes], status: int, connections: int, seconds: float
) -> Mapping[str, Any]:
    """Send requests for ``seconds``, or until there are no more; all must be answered with ``status``.

    Return answers a second, how many there were, and latencies in milliseconds. Raises RuntimeError.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_round(port, requests, status, connections, seconds))


class _Round:
    """What the connections of one round share."""

    def __init__(self, requests: deque[bytes], status: int, connections: int) -> None:
        self.requests = requests
        self.expected = f"HTTP/1.1 {status} ".encode()
        self.latencies: list[float] = []
        self.deadline = 0.0
        self.ended_at = 0.0
        self.active = connections
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one was answered."""

    def __init__(self, shared: _Round) -> None:
        self._round = shared
        self._received = b""
        self._sent_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        shared, now = self._round, time.perf_counter()
        if now >= shared.deadline or not shared.requests:
            shared.active -= 1
            if not shared.active and not shared.ended.done():
                shared.ended.set_result(None)
            return
        self._sent_at = now
        self._transport.write(shared.requests.popleft())

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(received, 0, end + 2)
        if length is None or len(received) < end + 4 + int(length[1]):
            return
        if not received.startswith(self._round.expected):
            self._fail(f"A request was answered with {received[:200]!r}.")
            return
        shared = self._round
        shared.ended_at = time.perf_counter()
        shared.latencies.append(shared.ended_at - self._sent_at)
        self._received = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"A connection was lost: {exc}.")

    def _fail(self, reason: str) -> None:
        if not self._round.ended.done():
            self._round.ended.set_exception(RuntimeError(reason))


async def _round(
    port: int, requests: deque[bytes], status: int, count: int, seconds: float
) -> Mapping[str, Any]:
    loop = asyncio.get_running_loop()
    shared = _Round(requests, status, count)
    opened = [
        await loop.create_connection(lambda: _Connection(shared), "127.0.0.1", port) for _ in range(count)
    ]
    begun = time.perf_counter()
    shared.deadline = begun + seconds
    for _, connection in opened:
        connection.send()
    await shared.ended
    for transport, _ in opened:
        transport.close()
    took = shared.ended_at - begun
    return {
        "value": len(shared.latencies) / took,
        "acknowledged": len(shared.latencies),
        "p50": percentile(shared.latencies, 0.5) * 1000,
        "p99": percentile(shared.latencies, 0.99) * 1000,
    }
