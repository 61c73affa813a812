"""Tenants with slow media hosts beside others, on two nodes that are real processes."""

import asyncio
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.media import Exchange, head
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.postgresql import PostgresqlServer
from tests.support.tenant import PATIENCE, Tenant, tone

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("nodes")]
#: Slow recordings of each tenant: more than the places of both nodes that are for any account.
_BACKLOG = 6
_TENANTS = 3


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
