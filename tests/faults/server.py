"""The service as its own process that can be killed, traced and searched."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.promises import check_promises
from tests.servers.processes import process, wait_until
from tests.servers.vault_process import VaultProcess
from tests.support.raw_client import PATIENCE, Client


class MortalVault(VaultProcess):
    """``callvault serve`` whose folder outlives it, with root key and temporary files apart from the data."""

    def __init__(self, folder: Path, *, program: Sequence[str] = ("-m", "vault"), **settings: str) -> None:
        """Start nothing yet. ``settings`` are VAULT_* variables; ``program`` is what Python runs."""
        self.temporary = folder / "tmp"
        for made in (folder, self.temporary, folder / "root"):
            made.mkdir(exist_ok=True)
        own = {"VAULT_ROOT_KEY_URL": f"file://{folder}/root/root.key", "TMPDIR": str(self.temporary)}
        from_here = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        super().__init__(folder, from_here | own | settings)
        self.data_dir = Path(settings.get("VAULT_DATA_DIR", self.data_dir))
        self.program = tuple(program)

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return self.data_dir / "vault.db"

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        assert self.running is not None
        return self.running.pid

    def new_client(self) -> Client:
        """Make an admin's key; works while nothing runs."""
        return Client(base=self.url, key=self.create_key())

    def start(self, *more: str) -> "MortalVault":
        """Start serving and wait until it is ready."""
        command = [sys.executable, *self.program, "serve", "--port", str(self.port), *more]
        self.running = self._stack.enter_context(process(command, self.log, **self.environment))
        wait_until(self._ready, self.running, self.log, PATIENCE)
        return self

    def kill(self) -> None:
        """End it as the kernel does when memory runs out: with no last word."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def logged(self) -> str:
        """Return everything that it ever logged."""
        return self.log.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        lines = [line for line in self.logged().splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line.get("event") == name]


@contextmanager
def vault_process(
    folder: Path, *, program: Sequence[str] = ("-m", "vault"), **settings: str
) -> Iterator[tuple[MortalVault, Client]]:
    """Serve in a new folder, with an account open and connected, until the end of the block.

    Whatever was done to it, all promises hold then.
    """
    server = MortalVault(folder, program=program, **settings)
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        yield server, client
    finally:
        if server.running is not None:
            server.stop()
    check_promises(server)


@contextmanager
def second_node(folder: Path, first: MortalVault, client: Client) -> Iterator[Client]:
    """Serve beside a node on PostgreSQL, with the same data, until the end of the block."""
    shared = {
        k: v for k, v in first.environment.items() if k.startswith("VAULT_") and k != "VAULT_PUBLIC_URL"
    }
    node = MortalVault(folder, **shared).start()
    try:
        yield replace(client, base=node.url)
    finally:
        node.stop()
