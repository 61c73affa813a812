"""``python -m bench fairness``: what a flood of one account does to the others.

Four accounts each send a webhook, report a call and play a range at a steady pace, first alone, then while a fifth
account announces a hundred recordings a second. Every request starts at its own time, whether or not earlier ones have
been answered, and its latency counts from then. The flood runs into the default limits, and without limits.
"""

import asyncio
import json
import secrets
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.counted_servers import Servers, fleet
from bench.figures import percentile
from bench.machine import describe_machine
from tests.servers.media_thread import media_thread
from tests.support.tenant import Tenant, moment, tone
from tests.support.unlimited import UNLIMITED
from vault.telephony.signatures.standard_webhooks import sign

_VICTIMS = 4
_FLOOD_PER_SECOND = 100
#: Seconds between two requests of one kind of one victim.
_INTERVAL = 1.0
_RANGE = 54_000
#: Seconds until an upload can be played, on a busy machine.
_PATIENCE = 180.0
#: Seconds of one round.
_SECONDS = 15.0
_KINDS = ("ack", "call start", "play")


@dataclass(slots=True)
class _Load:
    """Where requests go, and what came back."""

    port: int
    key: str
    #: Latencies in seconds by kind.
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    async def ask(self, kind: str, begins_at: float, request: bytes) -> None:
        """Send a request on a connection of its own, and note how long it took from ``begins_at``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
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


def fairness() -> None:
    """Print the others' latencies with and without the flood, and their ratio."""
    print(describe_machine())
    print("PostgreSQL 17 and the Ceph gateway; one server, one worker", flush=True)
    variants: dict[str, Mapping[str, str]] = {"limits": {}, "no limits": UNLIMITED}
    for name, limits in variants.items():
        with (
            tempfile.TemporaryDirectory(prefix="callvault-fairness-") as folder,
            media_thread() as media,
            fleet(Path(folder) / "fleet", media.authority, limits=limits) as servers,
        ):
            _measure(name, servers, media.serve("/a.wav", tone(34)))


def _measure(name: str, servers: Servers, url: str) -> None:
    key = servers.command("keys", "create", "--name", "fairness", "--scopes", "*")
    with httpx.Client(base_url=servers.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        tenants = [Tenant.open(http) for _ in range(_VICTIMS + 1)]
        played = [_available(tenant) for tenant in tenants[1:]]
    rounds = []
    for flooded in (False, True):
        load = _Load(port=urlsplit(servers.url).port or 80, key=key)
        asyncio.run(_round(load, tenants, played, url, flooded=flooded))
        rounds.append(load)
    alone, crowded = rounds
    taken = ", ".join(f"{count} x {status}" for status, count in sorted(crowded.statuses["flood"].items()))
    print(f"  {name}: the flood got {taken}")
    for kind in _KINDS:
        for share in (0.5, 0.99):
            before = percentile(alone.latencies[kind], share) * 1000
            after = percentile(crowded.latencies[kind], share) * 1000
            print(
                f"  {name:<10} {kind:<11} p{share * 100:.0f}  {before:7.1f} ms  {after:7.1f} ms  {after / before:5.2f}x"
            )
        odd = {status for status in crowded.statuses[kind] if status // 100 != 2}  # noqa: PLR2004
        if odd:
            print(f"  {name:<10} {kind:<11} other answers: {sorted(odd)}")


def _available(tenant: Tenant) -> str:
    """Upload a recording, wait until it can be played, and return its id."""
    recording: str = tenant.put(tone(34)).json()["id"]
    deadline = time.monotonic() + _PATIENCE
    while tenant.get(recording)["state"] != "available":
        if time.monotonic() > deadline:
            raise TimeoutError("An uploaded recording does not become available.")
        time.sleep(1.0)
    return recording


async def _round(load: _Load, tenants: list[Tenant], played: list[str], url: str, *, flooded: bool) -> None:
    flood, *victims = tenants
    tasks = []
    for tenant, recording in zip(victims, played, strict=True):
        builders: dict[str, Callable[[], bytes]] = {
            "ack": lambda tenant=tenant: _announcement(tenant, url),
            "call start": lambda tenant=tenant: _call_start(tenant, load.key),
            "play": lambda tenant=tenant, recording=recording: _range(tenant, recording, load.key),
        }
        tasks += [load.steady(kind, _INTERVAL, _SECONDS, build) for kind, build in builders.items()]
    if flooded:
        tasks.append(load.steady("flood", 1 / _FLOOD_PER_SECOND, _SECONDS, lambda: _announcement(flood, url)))
    await asyncio.gather(*tasks)


def _announcement(tenant: Tenant, url: str) -> bytes:
    now = datetime.now(UTC)
    name = secrets.token_hex(6)
    data = {
        "call_ref": f"c-{name}", "recording_ref": f"r-{name}", "recording_url": url,
        "started_at": moment(now - timedelta(seconds=30)), "ended_at": moment(now),
    }  # fmt: skip
    body = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": data}).encode()
    headers = sign(tenant.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
    return _request("POST", urlsplit(tenant.webhook_url).path, headers, body)


def _call_start(tenant: Tenant, key: str) -> bytes:
    numbers = {"direction": "inbound", "caller": "+493012345678", "callee": "+493099999999"}
    body = json.dumps(numbers | {"started_at": moment(datetime.now(UTC))}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return _request("PUT", tenant.url(f"/calls/s-{secrets.token_hex(6)}"), headers, body)


def _range(tenant: Tenant, recording: str, key: str) -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Range": f"bytes=0-{_RANGE - 1}"}
    return _request("GET", tenant.url(f"/recordings/{recording}/audio"), headers, b"")


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {**headers, "Host": "vault", "Connection": "close", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
