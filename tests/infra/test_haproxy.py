"""The example for haproxy, in a real haproxy before two real nodes that are killed, hang and start again under load."""

import os
import re
import shutil
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.openbao import make_certificate
from tests.servers.ports import free_ports
from tests.servers.postgresql import PostgresqlServer
from tests.servers.processes import process, wait_until
from tests.servers.required import require
from tests.servers.vault_process import PATIENCE
from tests.support.tenant import Tenant, open_link, tone

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("haproxy")]
CONFIG = Path(__file__).parents[2] / "infra" / "haproxy.cfg"
NAME = "vault.example.com"
#: No client waits longer for an answer: computed from the file.
LIMIT = 10.0
#: Seconds that a client of these tests waits, also on a loaded machine: less than the 75 after which haproxy gives up
#: a node that its checks have not noticed.
CLIENT_PATIENCE = 45.0
CLIENTS = 4
FACTS = {
    "direction": "inbound",
    "from": "+12025550187",
    "to": "+12025550100",
    "started_at": "2026-08-14T06:12:52Z",
}


@dataclass
class Front:
    """haproxy before two nodes."""

    port: int
    fleet: Fleet
    nodes: list[Node]
    log: Path

    def client(self, address: str = "127.0.0.9", **headers: str) -> httpx.Client:
        """Return a client that comes from an address, and waits no longer than CLIENT_PATIENCE."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": NAME, **headers},
            transport=transport,
            timeout=CLIENT_PATIENCE,
        )

    def admin(self) -> httpx.Client:
        """Return a client with a key for everything."""
        return self.client(Authorization=f"Bearer {self.fleet.key}")

    def answers(self, path: str = "/readyz") -> int:
        """Return the status of one request, 0 without an answer."""
        with self.client() as client:
            try:
                return client.get(path).status_code
            except httpx.HTTPError:
                return 0


@dataclass
class Load:
    """Clients that read and write in a loop, each with a connection of its own where it can keep one."""

    front: Front
    account: str
    results: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Run the clients to the end of the block."""
        threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()

    def more(self, count: int) -> None:
        """Wait until ``count`` more requests have succeeded."""
        wanted = self.results["ok"] + count
        while self.results["ok"] < wanted:
            unexpected = [one for one in self.results if one.startswith("4") or one == "waited too long"]
            assert not unexpected, self.results
            threading.Event().wait(0.05)

    def _run(self, number: int) -> None:
        with self.front.admin() as http:
            while not self.stopping.is_set():
                self.results[self._ask(http, number)] += 1
                self.stopping.wait(0.02)

    def _ask(self, http: httpx.Client, number: int) -> str:
        try:
            if number % 2:
                facts = FACTS
                answer = http.put(f"/v1/accounts/{self.account}/calls/call-{number}", json=facts)
            else:
                answer = http.get(f"/v1/accounts/{self.account}")
        except httpx.TimeoutException:
            return "waited too long"
        except httpx.TransportError:
            return "cut"
        return "ok" if answer.status_code // 100 == 2 else str(answer.status_code)


def configured(folder: Path, ports: tuple[int, int], nodes: list[int]) -> str:
    """Return the example with the ports and the certificate of this test."""
    certificate, key = make_certificate(folder)
    (folder / "callvault.pem").write_text(Path(certificate).read_text() + Path(key).read_text())
    text = CONFIG.read_text().replace("/etc/haproxy/callvault.pem", f"{folder}/callvault.pem")
    text = text.replace("bind :80", f"bind 127.0.0.1:{ports[0]}").replace(
        "bind :443", f"bind 127.0.0.1:{ports[1]}"
    )
    text = text.replace("log /dev/log local0", "log stdout format raw local0")
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{nodes[0]}").replace(
        "127.0.0.1:8001", f"127.0.0.1:{nodes[1]}"
    )


@pytest.fixture(scope="module")
def front(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer, migrated: str
) -> Iterator[Front]:
    """The example before two nodes."""
    require("haproxy", install="apt-get install --no-install-recommends haproxy")
    folder = tmp_path_factory.mktemp("h")
    url = postgresql_server.new_database(template=migrated)
    settings = {"VAULT_PUBLIC_URL": f"https://{NAME}", "VAULT_TRUSTED_PROXIES": "127.0.0.1/32"}
    with fleet_of(folder / "f", url, **settings) as fleet:
        nodes = fleet.start("serve", "serve --no-worker")
        ports = (free_ports(2)[0], free_ports(2)[1])
        (folder / "haproxy.cfg").write_text(configured(folder, ports, [node.port for node in nodes]))
        log = folder / "haproxy.log"
        path = f"{os.environ['PATH']}:/usr/sbin"
        command = [shutil.which("haproxy", path=path) or "haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
        with process(command, log) as running:
            made = Front(ports[1], fleet, nodes, log)
            wait_until(lambda: made.answers() == 200, running, log, PATIENCE)
            yield made


def test_no_client_waits_while_nodes_die_and_hang(front: Front):
    """Killed, hung and started again, one and both: no request stays with a node that hangs, and all recover."""
    with front.admin() as http:
        account = Tenant.open(http).name
    one, two = front.nodes
    with Load(front, account).running() as load:
        load.more(20)
        kill(one)
        load.more(40)
        start(one)
        load.more(20)
        assert two.running is not None
        two.running.send_signal(signal.SIGSTOP)
        load.more(100)
        two.running.send_signal(signal.SIGCONT)
        load.more(20)
        kill(one)
        kill(two)
        start(one, two)
        load.more(40)
    assert load.results["waited too long"] == 0, load.results
    assert load.results["ok"] > 200


def kill(node: Node) -> None:
    """Kill a node as the kernel does without memory."""
    assert node.running is not None
    node.running.kill()
    node.running.wait(PATIENCE)
    node.running = None


def start(*nodes: Node) -> None:
    """Start nodes again at the same time, and wait until they are ready."""
    for node in nodes:
        node.launch()
    for node in nodes:
        node.await_ready()


@pytest.mark.parametrize("size", [60_000, 3_000_000])
def test_no_request_waits_behind_an_upload_that_was_refused(front: Front, size: int):
    """The answer comes before the upload has been read: the client is told to use another connection for the next."""
    with front.client() as client:
        for _ in range(10):
            answer = client.put("/no/such/path", content=bytes(size))
            assert answer.status_code in {404, 413}
            assert answer.headers["connection"] == "close"
            assert client.get("/healthz").status_code == 200


def test_an_upload_in_chunks_that_was_refused_ends_its_connection(front: Front):
    """Its length is not known in advance."""
    with front.client() as client:
        answer = client.put("/no/such/path", content=iter([bytes(1000)] * 200))
    assert answer.status_code in {404, 413}
    assert answer.headers["connection"] == "close"


def test_connections_last_after_a_small_request_that_was_refused(front: Front):
    """A refused webhook costs no new TLS handshake."""
    with front.client() as client:
        assert "connection" not in client.put("/no/such/path", json=FACTS).headers


def test_a_node_that_is_not_ready_keeps_what_it_has():
    """A 503 takes new requests away and cuts none: a rolling restart ends no upload."""
    text = CONFIG.read_text()
    assert text.count("on-marked-down shutdown-sessions") == 2
    assert "http-check expect status 200 error-status L7OKC" in text


def test_the_longest_wait_is_below_the_limit():
    """From the hang to the cut: an interval, two checks that time out, and the pause between them."""
    seconds = {"timeout check": 3.0, "inter": 1.0, "fastinter": 0.5}
    text = CONFIG.read_text()
    assert re.findall(r"timeout check (\S+)", text) == ["3s", "3s"]
    assert re.findall(r" inter (\S+) fastinter (\S+) .*fall (\d)", text) == [("1s", "500ms", "2")] * 2
    assert seconds["inter"] + 2 * seconds["timeout check"] + seconds["fastinter"] < LIMIT


def test_what_passes_and_what_does_not(front: Front):
    """Audio of more than any buffer both ways, the client's own address, no token in the log, no metrics."""
    with front.admin() as http:
        tenant = Tenant.open(http)
        audio = tone(60)
        recording = tenant.uploaded(audio)
        assert http.get(tenant.url(f"/recordings/{recording}/audio")).content == audio
        link, foreign = (tenant.link(recording, networks=[one]) for one in ("127.0.0.9/32", "203.0.113.0/24"))
    paths = [one["url"].removeprefix(f"https://{NAME}") for one in (link, foreign)]
    with front.client() as near:
        assert open_link(near, paths[1], headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404
        assert open_link(near, paths[0]).status_code == 303
    assert (front.answers("/metrics"), front.answers("/healthz")) == (404, 200)
    log = front.log.read_text()
    assert "/v1/accounts" in log
    assert link["url"].rpartition("/")[2] not in log
