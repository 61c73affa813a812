"""Webhooks are acknowledged while the media host of all that was announced before them hangs."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.servers.media import Exchange
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.vault_process import vault_process
from tests.support.counts import count
from tests.support.tenant import PATIENCE, Tenant

_PATH = "/hangs.wav"
#: Deliveries on their way at one time.
_AT_ONCE = 8


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
