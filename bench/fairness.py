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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.counted_servers import Servers, fleet
from bench.figures import percentile
from bench.machine import describe_machine
from bench.steady_load import SteadyLoad, call_start, play_range, request
from tests.servers.media_thread import media_thread
from tests.support.tenant import Tenant, moment, tone
from tests.support.unlimited import UNLIMITED
from vault.telephony.signatures.standard_webhooks import sign

_VICTIMS = 4
_FLOOD_PER_SECOND = 100
#: Seconds between two requests of one kind of one victim.
_INTERVAL = 1.0
#: Seconds until an upload can be played, on a busy machine.
_PATIENCE = 180.0
#: Seconds of one round.
_SECONDS = 15.0
_KINDS = ("ack", "call start", "play")


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
        load = SteadyLoad(port=urlsplit(servers.url).port or 80, key=key)
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


async def _round(
    load: SteadyLoad, tenants: list[Tenant], played: list[str], url: str, *, flooded: bool
) -> None:
    flood, *victims = tenants
    tasks = []
    for tenant, recording in zip(victims, played, strict=True):
        builders: dict[str, Callable[[], bytes]] = {
            "ack": lambda tenant=tenant: _announcement(tenant, url),
            "call start": lambda tenant=tenant: call_start(tenant, load.key),
            "play": lambda tenant=tenant, recording=recording: play_range(tenant, recording, load.key),
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
    return request("POST", urlsplit(tenant.webhook_url).path, headers, body)
