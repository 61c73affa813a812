"""The service as its own process that can be killed, traced and searched, and what talks to it."""

import base64
import http.client
import json
import os
import secrets
import signal
import sys
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.promises import check_promises
from tests.servers.processes import process, wait_until
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import WITHOUT_EVIDENCE
from vault.telephony.signatures.standard_webhooks import sign

PATIENCE = 60.0
ACCOUNT = "acme"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def ask(
    base: str,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: dict[str, str] | None = None,
    *,
    timeout: float = PATIENCE,
) -> Answer:
    """Send one request on a connection of its own. Raises OSError or HTTPException if no answer comes."""
    where = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    try:
        # A server that refuses a body answers before it has read all of it.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body=body, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


@dataclass(kw_only=True)
class Client:
    """An admin of one account, and the platform that is connected to it."""

    base: str
    key: str
    account: str = ACCOUNT
    secret: str = field(default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    webhook: str = ""

    @property
    def home(self) -> str:
        """Return the path of the account."""
        return f"/v1/accounts/{self.account}"

    def rest(
        self, method: str, path: str, said: object = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask the REST interface."""
        body = None if said is None else json.dumps(said).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})}
        return ask(self.base, method, path, body, sent)

    def open_account(self) -> None:
        """Open the account and connect the platform."""
        assert self.rest("PUT", self.home, {}).status in {200, 201}
        assert self.rest("PATCH", f"{self.home}/consent-policy", WITHOUT_EVIDENCE).status == 200
        said = {"provider": "platform", "credentials": {"secret": self.secret}}
        connected = self.rest("PUT", f"{self.home}/connections/main", said)
        assert connected.status == 200, connected.body
        self.webhook = urllib.parse.urlsplit(connected.json["webhook_url"]).path

    def put(self, ref: str, body: bytes | Iterable[bytes], size: int, *, timeout: float = PATIENCE) -> Answer:
        """Upload a recording."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Length": str(size)}
        path = f"{self.home}/calls/{ref}/recordings/{ref}"
        return ask(self.base, "PUT", path, body, headers, timeout=timeout)

    def announcement(self, ref: str, url: str, **facts: object) -> tuple[bytes, dict[str, str]]:
        """Return a signed delivery that announces a recording: its body and headers."""
        now = datetime.now(UTC)
        data = {"call_ref": ref, "recording_ref": ref, "recording_url": url, **facts}
        event = {"type": "recording.completed", "timestamp": now.isoformat(), "data": data}
        body = json.dumps(event).encode()
        return body, sign(self.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)

    def deliver(self, body: bytes, headers: dict[str, str], *, timeout: float = PATIENCE) -> Answer:
        """Send a delivery."""
        return ask(self.base, "POST", self.webhook, body, headers, timeout=timeout)

    def announce(self, ref: str, url: str, **facts: object) -> Answer:
        """Announce a recording."""
        return self.deliver(*self.announcement(ref, url, **facts))

    def switch(self, *, enabled: bool) -> dict[str, Any]:
        """Set the recording switch."""
        answer = self.rest("PUT", f"{self.home}/recording-switch", {"enabled": enabled})
        assert answer.status == 200, answer.body
        said: dict[str, Any] = answer.json
        return said

    def recording(self, recording_id: str) -> dict[str, Any]:
        """Show a recording."""
        answer = self.rest("GET", f"{self.home}/recordings/{recording_id}")
        assert answer.status == 200, answer.body
        said: dict[str, Any] = answer.json
        return said

    def audio(self, recording_id: str, part: str | None = None) -> Answer:
        """Download a recording, or a range of it."""
        headers = {"Authorization": f"Bearer {self.key}"} | ({"Range": part} if part else {})
        return ask(self.base, "GET", f"{self.home}/recordings/{recording_id}/audio", headers=headers)

    def wait_for(
        self, recording_id: str, state: str = "available", *, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Poll until the recording is in ``state``."""
        deadline = time.monotonic() + seconds
        while (said := self.recording(recording_id))["state"] != state:
            assert time.monotonic() < deadline, f"still {said['state']} after {seconds} s: {said['reasons']}"
            time.sleep(0.03)
        return said


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
