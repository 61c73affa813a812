"""``serve --processes``: several processes on one port, replaced when they die, and gone when their parent is."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.ports import free_ports
from tests.servers.postgresql import PostgresqlServer
from tests.servers.vault_process import PATIENCE, VaultProcess
from tests.support.tenant import Tenant, tone

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("nodes")]
COUNT = 3


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer, migrated: str
) -> Iterator[Fleet]:
    """One vault, no node yet."""
    url = postgresql_server.new_database(template=migrated)
    with fleet_of(tmp_path_factory.mktemp("f"), url) as fleet:
        yield fleet


def health_ports() -> int:
    """Return a port with free ones behind it."""
    while True:
        ports = free_ports(COUNT)
        if ports[-1] - ports[0] == COUNT - 1:
            return ports[0]


def is_closed(port: int) -> bool:
    """Say whether nothing answers there."""
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
    except httpx.TransportError:
        return True
    return False


def until(what: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(node: Node) -> list[int]:
    """Return the process ids of the server processes."""
    assert node.running is not None
    listed = Path(f"/proc/{node.running.pid}/task/{node.running.pid}/children").read_text()
    found = []
    for one in listed.split():
        # One that ends meanwhile is none of them.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(one)] * (b"--socket" in Path(f"/proc/{one}/cmdline").read_bytes())
    return found


def served(first: int) -> list[float]:
    """Return how many responses each process has given, by its own port; empty while one is not ready."""
    counts = []
    for port in range(first, first + COUNT):
        try:
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except httpx.TransportError:
            return []
        lines = [line for line in text.splitlines() if line.startswith("callvault_http_responses_total{")]
        counts.append(sum(float(line.rpartition(" ")[2]) for line in lines))
    return counts


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it asks /proc for the children: run it on Linux")
def test_processes_share_a_port_and_are_replaced(fleet: Fleet):
    """Each answers and has its own metrics; a killed one comes back; SIGTERM ends all with status 0."""
    first = health_ports()
    (node,) = fleet.start(f"serve --processes {COUNT} --health-port {first}")
    until(lambda: len(served(first)) == COUNT)
    tenant = Tenant.open(fleet.admin(node))
    recording = tenant.uploaded(tone(1.0))
    for _ in range(40):
        # A new connection each time, which any process may accept.
        assert httpx.get(f"{node.url}/healthz", timeout=5).status_code == 200
    assert sum(1 for count in served(first) if count) >= 2
    before = children(node)
    assert len(before) == COUNT
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(children(node)) == COUNT and before[0] not in children(node))
    until(lambda: len(served(first)) == COUNT)
    assert tenant.http.get(f"/v1/accounts/{tenant.id}/recordings/{recording}").json()["state"] == "available"
    after = children(node)
    node.terminate()
    assert node.running is not None
    assert node.running.wait(PATIENCE) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in after)
    node.running = None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it asks /proc for the children: run it on Linux")
def test_processes_end_with_their_parent(fleet: Fleet):
    """A parent that is killed leaves nothing that serves."""
    (node,) = fleet.start("serve --processes 2 --no-worker")
    until(lambda: len(children(node)) == 2)
    left = children(node)
    assert node.running is not None
    node.running.kill()
    node.running.wait(PATIENCE)
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in left))
    assert is_closed(node.port)
    node.running = None


def test_sqlite_takes_one_process(tmp_path: Path):
    """The sentence says what to set."""
    ended = VaultProcess(tmp_path).command("serve", "--processes", "2")
    assert ended.returncode == 2
    assert "For --processes set VAULT_DATABASE_URL to a PostgreSQL database." in ended.stderr


def test_a_start_that_is_refused_is_not_tried_again(fleet: Fleet, tmp_path: Path):
    """Every process would be refused: the parent ends with the same status, and the sentence is there."""
    url = fleet.settings["VAULT_DATABASE_URL"].replace("postgres:@", "nobody@")
    lost = {**fleet.settings, "VAULT_DATABASE_URL": url}
    ended = VaultProcess(tmp_path, lost).command("serve", "--processes", "2", "--port", str(free_ports(1)[0]))
    assert ended.returncode == 2
    assert 'role "nobody" does not exist' in ended.stderr
