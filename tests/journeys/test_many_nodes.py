"""Several nodes as real processes on PostgreSQL: stopped in the middle of work, and told of changes by each other."""

import base64
import http.client
import io
import os
import secrets
import time
import urllib.parse
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.media import Exchange, answer
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.postgresql import PostgresqlServer
from tests.support.slow_media import flow, slices
from tests.support.tenant import Tenant, tone

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("nodes")]
#: Half an hour in telephone quality: 28 MB, more than sockets hold on their way.
LONG_SECONDS = 1800


@dataclass
class Nodes:
    """Two servers without workers, and the one worker behind them."""

    fleet: Fleet
    one: Node
    two: Node
    worker: Node

    def tenant(self, node: Node) -> Tenant:
        """Open an account on one node, which its platform reaches directly."""
        return self.by(Tenant.open(self.fleet.admin(node)), node)

    def by(self, tenant: Tenant, node: Node) -> Tenant:
        """Return the same account as another node serves it."""
        path = urllib.parse.urlsplit(tenant.webhook_url).path
        http = self.fleet.admin(node)
        return Tenant(http, tenant.name, node.url + path, tenant.secret, tenant.id)


@pytest.fixture(scope="module")
def host() -> Iterator[MediaThread]:
    """The platform's media host."""
    with media_thread() as running:
        yield running


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
    migrated: str,
    host: MediaThread,
) -> Iterator[Nodes]:
    """Three nodes of one vault."""
    url = postgresql_server.new_database(template=migrated)
    with fleet_of(tmp_path_factory.mktemp("f"), url, VAULT_MEDIA_ALLOW=host.authority) as fleet:
        yield Nodes(fleet, *fleet.start("serve --no-worker", "serve --no-worker", "worker"))


def long_recording() -> bytes:
    """Return a WAV file of more bytes than sockets hold on their way."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", None))
        file.writeframes(tone(1.0)[44:] * LONG_SECONDS)
    return out.getvalue()


def until(what: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait for something and return how many seconds it took."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "It did not happen."
        time.sleep(0.02)
    return time.monotonic() - begun


def test_a_worker_tells_how_it_fares(nodes: Nodes):
    """Its health port has the three doors of machines and no other one."""
    with httpx.Client(base_url=nodes.worker.url) as machine:
        assert machine.get("/healthz").text == "alive\n"
        assert machine.get("/readyz").text == "ready\n"
        assert 'callvault_worker_looks_total{work="ingest"}' in machine.get("/metrics").text
        assert machine.get("/v1/keys").status_code == 404


def test_a_worker_lets_servers_of_its_machine_go_first(nodes: Nodes):
    """Its priority is lower than theirs, so that a backlog does not make callers wait."""
    niceness = [os.getpriority(os.PRIO_PROCESS, node.running.pid) for node in (nodes.one, nodes.worker)]
    assert niceness[1] == min(niceness[0] + 10, 19)


def test_a_stopped_worker_gives_its_recording_to_another(nodes: Nodes, host: MediaThread):
    """SIGTERM in the middle of a transfer: another worker asks the platform long before the lease ends; no loss."""
    # The first answer takes minutes, so that it does not end by itself. One that stands still is given up.
    tenant, audio = nodes.tenant(nodes.one), tone(200.0)
    slow, asked = flow(len(audio), slices(audio, 4000), pause=0.2), []

    async def script(exchange: Exchange) -> None:
        asked.append(time.monotonic())
        await (slow if len(asked) == 1 else answer(audio))(exchange)

    recording = tenant.announce(host.on("/given-back.wav", script)).json()["recording"]
    until(lambda: len(asked) == 1)
    first = nodes.worker
    (nodes.worker,) = nodes.fleet.start("worker")
    time.sleep(0.5)
    assert len(asked) == 1, "the second worker waits: the first one has the lease"
    first.terminate()
    # Usually after some tenths of a second; the lease would end after 90.
    took = until(lambda: len(asked) == 2)
    assert tenant.wait(recording)["bytes"] == len(audio)
    print(f"taken over after {took:.2f} s")
    assert first.ended() == 0
    until(lambda: "recording.available" in tenant.types(recording))
    assert tenant.types(recording).count("recording.available") == 1


def test_a_stopping_server_says_so_and_finishes_what_it_has(nodes: Nodes):
    """For the drain it answers, while /readyz says 503; then a stream that was begun comes to its end."""
    (node,) = nodes.fleet.start("serve --no-worker", VAULT_DRAIN_SECONDS="120", VAULT_STOP_SECONDS="60")
    tenant, audio = nodes.tenant(node), long_recording()
    recording = tenant.uploaded(audio)
    with tenant.http.stream("GET", tenant.url(f"/recordings/{recording}/audio")) as stream:
        blocks = stream.iter_bytes(1024 * 1024)
        received = next(blocks)
        node.terminate()
        until(lambda: node.ready().status_code == 503)
        told = node.ready().json()
        assert (told["reasons"], told["detail"]) == (["stopping"], "This node is shutting down.")
        assert tenant.http.get(tenant.url("/recordings")).status_code == 200, "it still answers"
        # A second signal ends the drain, which would last too long; the next test waits for the end of one.
        node.terminate()
        until(lambda: not answers(node))
        for block in blocks:
            received += block
    assert received == audio
    assert node.ended() == 0
    other = nodes.by(tenant, nodes.one)
    until(lambda: "download.end" in other.types(recording))


def test_a_reader_that_is_too_slow_is_cut_and_the_log_says_where(nodes: Nodes):
    """After the drain and its time the connection ends before its length, and an end event says what was sent."""
    (node,) = nodes.fleet.start("serve --no-worker", VAULT_DRAIN_SECONDS="1", VAULT_STOP_SECONDS="1")
    tenant, audio = nodes.tenant(node), long_recording()
    recording = tenant.uploaded(audio)
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    headers = {"Authorization": f"Bearer {nodes.fleet.key}"}
    connection.request("GET", tenant.url(f"/recordings/{recording}/audio"), headers=headers)
    with closing(connection), connection.getresponse() as response:
        assert len(response.read(1000)) == 1000
        begun = datetime.now(UTC)
        node.terminate()
        assert node.ended() == 0
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
    other = nodes.by(tenant, nodes.one)
    until(lambda: "download.end" in other.types(recording))
    events = other.events(recording)
    granted = max(event["end"] for event in events if event["type"] == "download.grant")
    (ended,) = [event for event in events if event["type"] == "download.end"]
    assert 1000 <= ended["end"] <= granted < len(audio)
    # By the event, because the process takes its time to exit. Without the setting it would be eleven seconds.
    took = (datetime.fromisoformat(ended["at"]) - begun).total_seconds()
    print(f"cut after {took:.1f} s")
    assert 1.9 < took < 11.0


def test_what_one_node_changes_the_other_one_knows(nodes: Nodes, host: MediaThread):
    """Keys, credentials, the switch, restrictions and repeated requests: none depends on which node is asked."""
    here = nodes.tenant(nodes.one)
    there = nodes.by(here, nodes.two)
    recording = here.uploaded(tone(2.0))
    made = here.http.post("/v1/keys", json={"name": "k", "scopes": ["*"]}).json()
    with httpx.Client(base_url=nodes.two.url, headers={"Authorization": f"Bearer {made['key']}"}) as borrowed:
        assert borrowed.get(there.url("/recordings")).status_code == 200
        assert here.http.delete(f"/v1/keys/{made['id']}").status_code == 204
        assert borrowed.get(there.url("/recordings")).status_code == 401
    rotate(here, there, host)
    assert one_link(here, there, recording) == 1
    assert here.http.put(here.url(f"/recordings/{recording}/restriction"), json={}).is_success
    assert there.http.get(there.url(f"/recordings/{recording}/audio")).status_code == 404
    here.switch(enabled=False)
    assert there.announce(host.serve("/late.wav", tone(0.5)), ref="late").json()["status"] == "refused"


def rotate(here: Tenant, there: Tenant, host: MediaThread) -> None:
    """Change the credentials on one node; the other one, which remembers the old ones, takes new ones immediately."""
    url = host.serve("/rotated.wav", tone(0.5))
    assert there.announce(url, ref="before").status_code == 202
    time.sleep(1.1)
    fresh = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    said = {"provider": "platform", "credentials": {"secret": fresh}}
    assert here.http.put(here.url("/connections/main"), json=said).status_code == 200
    there.secret = fresh
    assert there.announce(url, ref="after").status_code == 202


def one_link(here: Tenant, there: Tenant, recording: str) -> int:
    """Send one request to both nodes concurrently, and again until it is answered; return how many links there are."""

    def ask(tenant: Tenant) -> str:
        headers = {"Idempotency-Key": "one link"}
        path = tenant.url(f"/recordings/{recording}/links")
        while (got := tenant.http.post(path, json={"listener": "Kim"}, headers=headers)).status_code == 409:
            time.sleep(0.02)
        return str(got.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(ask, [here, there] * 4))
    links = here.http.get(here.url(f"/recordings/{recording}/links")).json()["items"]
    assert {link["id"] for link in links} == ids
    return len(links)


def answers(node: Node) -> bool:
    """Say whether the node still listens."""
    try:
        node.ready()
    except httpx.TransportError:
        return False
    return True
