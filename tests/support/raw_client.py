"""Who talks to a service that may die at any moment: each request has a connection of its own."""

import base64
import http.client
import json
import secrets
import time
import urllib.parse
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
