"""Tenants with slow media hosts beside others, on two nodes that are real processes.

Webhooks are acknowledged while the media host of all that was announced before them hangs.
"""

import asyncio
import threading
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.media import Exchange, head
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.postgresql import PostgresqlServer
from tests.servers.vault_process import vault_process
from tests.support.counts import count
from tests.support.tenant import PATIENCE, Tenant, tone

#: Slow recordings of each tenant: more than the places of both nodes that are for any account.
_BACKLOG = 6
_TENANTS = 3
_PATH = "/hangs.wav"
#: Deliveries on their way at one time.
_AT_ONCE = 8


@pytest.fixture
def host() -> Iterator[MediaThread]:
    """The platforms' media host."""
    with media_thread() as running:
        yield running


async def _slow(exchange: Exchange) -> None:
    """Answer with a gigabyte, at 40 KB a second: the vault waits for it for two minutes and a half."""
    await exchange.send(head(200, {"Content-Length": str(1 << 30)}))
    while not exchange.gone.is_set():
        await exchange.send(bytes(20_000))
        await asyncio.sleep(0.5)


def _opened(fleet: Fleet, node: Node) -> Tenant:
    """Open an account, whose platform reaches a node directly."""
    http = fleet.admin(node)
    tenant = Tenant.open(http)
    path = urllib.parse.urlsplit(tenant.webhook_url).path
    return Tenant(http, tenant.name, node.url + path, tenant.secret, tenant.id)


@pytest.mark.postgresql
@pytest.mark.xdist_group("nodes")
def test_no_number_of_slow_tenants_keeps_another_one_waiting(
    tmp_path: Path, postgresql_server: PostgresqlServer, migrated: str, host: MediaThread
):
    """After each tenant with slow media, a recording of a new one becomes available while all of it is under way."""
    url = postgresql_server.new_database(template=migrated)
    with fleet_of(tmp_path, url, VAULT_MEDIA_ALLOW=host.authority, VAULT_WORKERS="2") as fleet:
        nodes = fleet.start("serve", "serve")
        under_way = 0
        for number in range(_TENANTS):
            slow = _opened(fleet, nodes[number % 2])
            media = host.on(f"/slow-{number}", _slow)
            for one in range(_BACKLOG):
                assert slow.announce(media, call=f"call-{one}", ref="rec").status_code == 202
            _until_asked(host, f"/slow-{number}")
            other = _opened(fleet, nodes[(number + 1) % 2])
            announced = other.announce(host.serve(f"/quick-{number}", tone(0.2))).json()["recording"]
            other.wait(announced)
            under_way += host.asked_for(f"/slow-{number}")
        # Some of each wait for a place, so no fetch has ended.
        assert under_way < _TENANTS * _BACKLOG


def _until_asked(host: MediaThread, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not host.asked_for(path):
        assert time.monotonic() < deadline, "Nobody fetches it."
        time.sleep(0.02)


@pytest.fixture
def hanging() -> Iterator[MediaThread]:
    """A media host that takes every connection, reads the request, and never answers."""

    async def silence(exchange: Exchange) -> None:
        await exchange.gone.wait()

    with media_thread() as host:
        host.on(_PATH, silence)
        yield host


@pytest.fixture
def tenant(hanging: MediaThread, tmp_path: Path) -> Iterator[Tenant]:
    """An account of a vault of its own, which may fetch from that host."""
    with vault_process(tmp_path / "v", VAULT_MEDIA_ALLOW=hanging.authority) as running:
        headers = {"Authorization": f"Bearer {running.create_key()}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=30) as client:
            yield Tenant.open(client)


def test_no_ack_waits_for_a_media_host(tenant: Tenant, hanging: MediaThread):
    """Every delivery is a 202 with a recording of its own, and none of them cost a fetch its end."""
    queued = count("deliveries queued", small=60, full=500)
    timed = count("acks timed", small=40, full=200)
    url = f"http://{hanging.authority}{_PATH}"
    took: list[float] = []
    lock = threading.Lock()

    def announce(number: int) -> httpx.Response:
        begun = time.perf_counter()
        answered = tenant.announce(url, call=f"call-{number}", ref=f"rec-{number}")
        with lock:
            took.append(time.perf_counter() - begun)
        return answered

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        first = list(threads.map(announce, range(queued)))
        assert {one.status_code for one in first} == {202}
        deadline = time.monotonic() + PATIENCE
        while not hanging.asked_for(_PATH):
            assert time.monotonic() < deadline, "Nobody came for the media."
            time.sleep(0.03)
        took.clear()
        then = list(threads.map(announce, range(queued, queued + timed)))
    fetches = hanging.asked_for(_PATH)
    assert {one.status_code for one in then} == {202}
    assert len({one.json()["recording"] for one in first + then}) == queued + timed
    # The host has hung for at least one fetch. Had acks waited for theirs, each would have made the host hang.
    assert 0 < fetches < timed
    for answered in then:
        assert tenant.get(answered.json()["recording"])["state"] in {
            "received",
            "transferring",
            "retry_wait",
        }
    slowest = sorted(took)
    p50, p99 = slowest[len(slowest) // 2], slowest[-1 - len(slowest) // 100]
    print(f"{timed} acks beside {fetches} hanging fetches: p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")
