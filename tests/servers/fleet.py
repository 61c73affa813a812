"""Several nodes of one vault as processes of their own: PostgreSQL, one object store, one root key."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.vault_process import PATIENCE, VaultProcess


class Node(VaultProcess):
    """One process of a fleet: ``serve`` or ``worker``, on a port of its own."""

    def __init__(self, folder: Path, what: str, **settings: str) -> None:
        """``what`` is the command with its options; a worker answers on its health port."""
        folder.mkdir(parents=True)
        super().__init__(folder, settings)
        name, *more = what.split()
        port = "--port" if name == "serve" else "--health-port"
        self.what = [sys.executable, "-m", "vault", name, port, str(self.port), *more]

    def launch(self) -> None:
        """Start it and do not wait."""
        self.running = self._stack.enter_context(process(self.what, self.log, **self.environment))

    def await_ready(self) -> None:
        """Wait until it is ready."""
        assert self.running is not None
        wait_until(self._ready, self.running, self.log, PATIENCE)

    def terminate(self) -> None:
        """Send SIGTERM and do not wait."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        assert self.running is not None
        status = self.running.wait(PATIENCE)
        self.stop()
        return status

    def ready(self) -> httpx.Response:
        """Ask whether it wants requests."""
        return httpx.get(f"{self.url}/readyz", timeout=5)


class Fleet:
    """Nodes that share everything but their process."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        """Start nothing yet."""
        self.folder = folder
        self.settings = {
            "VAULT_DATABASE_URL": database_url,
            "VAULT_OBJECTS_URL": f"file://{folder}/objects",
            "VAULT_ROOT_KEY_URL": f"file://{folder}/root.key",
            "VAULT_PUBLIC_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
            **settings,
        }
        self.nodes: list[Node] = []
        self.clients: list[httpx.Client] = []
        self.key = ""

    def start(self, *commands: str, **settings: str) -> list[Node]:
        """Start nodes at the same time; the first ones are preceded by making an admin's key."""
        nodes = []
        for what in commands:
            node = Node(self.folder / f"node{len(self.nodes)}", what, **(self.settings | settings))
            if not self.key:
                self.key = node.create_key()
            self.nodes.append(node)
            nodes.append(node)
            node.launch()
        for node in nodes:
            node.await_ready()
        return nodes

    def admin(self, node: Node) -> httpx.Client:
        """Return a client of one node with a key for everything; it is closed with the fleet."""
        headers = {"Authorization": f"Bearer {self.key}"}
        client = httpx.Client(base_url=node.url, headers=headers, timeout=30)
        self.clients.append(client)
        return client


@contextmanager
def fleet_of(folder: Path, database_url: str, **settings: str) -> Iterator[Fleet]:
    """Run nodes to the end of the block."""
    fleet = Fleet(folder, database_url, **settings)
    try:
        yield fleet
    finally:
        for client in fleet.clients:
            client.close()
        for node in fleet.nodes:
            if node.running is not None:
                node.stop()
