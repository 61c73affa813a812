"""A real ``callvault serve`` as a child process, with a data directory, a port and a log of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.servers.clean_log import assert_clean
from tests.servers.forked import Running, is_forked, run_forked
from tests.servers.ports import free_ports
from tests.servers.processes import process
from tests.support.unlimited import UNLIMITED

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0


@dataclass
class VaultProcess:
    """One server. Starting it again after ``stop`` finds the same data directory and the same port."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self.data_dir = self.folder / "data"
        self.log = self.folder / "server.log"
        self.running: Running | None = None
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Return where the server listens, which is also its public URL unless the settings say another."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the whole environment of the server and of commands beside it: nothing is inherited."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "VAULT_DATA_DIR": str(self.data_dir),
            "VAULT_PUBLIC_URL": self.url,
            **UNLIMITED,
            **self.settings,
        }

    def command(
        self, *arguments: str, patience: float = PATIENCE, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``callvault`` with these arguments to its end; raises TimeoutExpired if it has none."""
        command, environment = [sys.executable, "-m", "vault", *arguments], self.environment | settings
        if is_forked(command):
            return run_forked(command, environment, seconds=patience)
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )

    def create_key(self, *more: str, scopes: str = "*") -> str:
        """Make an API key by the command and return its text."""
        made = self.command("keys", "create", "--name", "test", "--scopes", scopes, *more)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def start(self, *options: str, door: str = "/readyz") -> "VaultProcess":
        """Start the server with these options and wait until it is ready, or until another door opens."""
        serve = [sys.executable, "-m", "vault", "serve", "--port", str(self.port), *options]
        self.running = self._stack.enter_context(process(serve, self.log, **self.environment))
        deadline = time.monotonic() + PATIENCE
        while not self._ready(door):
            if self.running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The server did not come up:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Ask the server to end, look what it logged, and return its exit status."""
        assert self.running is not None
        running, self.running = self.running, None
        running.terminate()
        status = running.wait(PATIENCE)
        self._stack.close()
        assert_clean(self.log)
        return status

    def _ready(self, door: str = "/readyz") -> bool:
        try:
            return httpx.get(f"{self.url}{door}", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def vault_process(folder: Path, **settings: str) -> Iterator[VaultProcess]:
    """Run a server to the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = VaultProcess(folder, settings)
    try:
        yield server.start()
    finally:
        if server.running is not None:
            server.stop()
