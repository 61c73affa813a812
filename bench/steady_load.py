"""Requests at a steady pace, whether or not earlier ones have been answered: what others of a busy vault notice."""

import asyncio
import json
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.tenant import Tenant, moment

#: Bytes of the range that is played: 3.4 seconds of PCM16 at 8 kHz.
RANGE = 54_000


@dataclass(slots=True)
class SteadyLoad:
    """Where requests go, and what came back."""

    port: int
    key: str
    #: Latencies in seconds by kind.
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    async def ask(self, kind: str, begins_at: float, message: bytes) -> None:
        """Send ``message``, a request, on a connection of its own, and note how long it took from ``begins_at``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(message)
            head = await reader.readuntil(b"\r\n")
            await reader.read()
        finally:
            writer.close()
        self.latencies[kind].append(time.perf_counter() - begins_at)
        self.statuses[kind][int(head.split()[1])] += 1

    async def steady(self, kind: str, interval: float, seconds: float, build: Callable[[], bytes]) -> None:
        """Send a request at each interval, without waiting for answers."""
        begun, tasks = time.perf_counter(), []
        for number in range(max(1, round(seconds / interval))):
            at = begun + number * interval
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            tasks.append(asyncio.create_task(self.ask(kind, at, build())))
        await asyncio.gather(*tasks)


def call_start(tenant: Tenant, key: str) -> bytes:
    """Return a request that reports a new call."""
    numbers = {"direction": "inbound", "caller": "+493012345678", "callee": "+493099999999"}
    body = json.dumps(numbers | {"started_at": moment(datetime.now(UTC))}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return request("PUT", tenant.url(f"/calls/s-{secrets.token_hex(6)}"), headers, body)


def play_range(tenant: Tenant, recording: str, key: str) -> bytes:
    """Return a request for the first RANGE bytes of a recording."""
    headers = {"Authorization": f"Bearer {key}", "Range": f"bytes=0-{RANGE - 1}"}
    return request("GET", tenant.url(f"/recordings/{recording}/audio"), headers, b"")


def request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request of HTTP/1.1 that ends its connection."""
    fields = {**headers, "Host": "vault", "Connection": "close", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
