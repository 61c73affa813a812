"""One account as its admin and its telephony platform see it, over HTTP alone."""

import base64
import io
import json
import re
import secrets
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np

from vault.telephony.signatures.standard_webhooks import sign

PATIENCE = 60.0
#: Where consent is not the subject of a test.
WITHOUT_EVIDENCE = {"missing_evidence": "accept", "reason": "consent is not the subject of this test"}


def moment(at: datetime) -> str:
    """Write a moment as the platform does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tone(seconds: float = 1.0, *, rate: int = 8000, hertz: float = 440.0) -> bytes:
    """Return a WAV file with a tone; another frequency makes other bytes."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        angles = 2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate
        file.writeframes(np.rint(12000 * np.sin(angles)).astype("<i2").tobytes())
    return out.getvalue()


@dataclass
class Tenant:
    """An account of its own, with a connection and its secret. ``http`` carries the admin's key."""

    http: httpx.Client
    name: str
    webhook_url: str
    secret: str
    id: str

    @classmethod
    def open(
        cls, http: httpx.Client, *, name: str | None = None, policy: Mapping[str, Any] = WITHOUT_EVIDENCE
    ) -> "Tenant":
        """Open a new account and connect it; unless told otherwise it takes recordings without evidence."""
        name = name or f"t{secrets.token_hex(6)}"
        account = http.put(f"/v1/accounts/{name}", json={"name": name})
        assert account.status_code == 201, account.text
        set_to = http.patch(f"/v1/accounts/{name}/consent-policy", json=dict(policy))
        assert set_to.status_code == 200, set_to.text
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        said = {"provider": "platform", "credentials": {"secret": secret}}
        connection = http.put(f"/v1/accounts/{name}/connections/main", json=said)
        assert connection.status_code == 200, connection.text
        assert secret not in connection.text
        return cls(http, name, connection.json()["webhook_url"], secret, account.json()["id"])

    def url(self, path: str = "") -> str:
        """Return a path below the account."""
        return f"/v1/accounts/{self.name}{path}"

    def hook(self, kind: str, *, delivery: str | None = None, **data: Any) -> httpx.Response:
        """Send a signed event of the platform."""
        data = {name.rstrip("_"): value for name, value in data.items()}
        event = {"type": kind, "timestamp": moment(datetime.now(UTC)), "data": data}
        body = json.dumps(event).encode()
        headers = sign(
            self.secret, delivery_id=delivery or secrets.token_hex(8), sent_at=datetime.now(UTC), body=body
        )
        return self.http.post(self.webhook_url, content=body, headers=headers)

    def announce(self, url: str, *, call: str = "call-1", ref: str = "rec-1", **data: Any) -> httpx.Response:
        """Announce a recording of a call that has just ended."""
        now = datetime.now(UTC)
        times = {"started_at": moment(now - timedelta(seconds=30)), "ended_at": moment(now)}
        return self.hook(
            "recording.completed", call_ref=call, recording_ref=ref, recording_url=url, **(times | data)
        )

    def put(self, audio: Any, *, call: str = "call-1", ref: str = "rec-1") -> httpx.Response:
        """Upload a recording."""
        return self.http.put(self.url(f"/calls/{call}/recordings/{ref}"), content=audio)

    def get(self, recording: str) -> dict[str, Any]:
        """Return a recording."""
        answer = self.http.get(self.url(f"/recordings/{recording}"))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, recording: str, state: str = "available") -> dict[str, Any]:
        """Wait until a recording is in a state, and return it."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.get(recording))["state"] != state:
            assert time.monotonic() < deadline, f"It stays {found['state']}: {found['reasons']}"
            time.sleep(0.03)
        return found

    def uploaded(self, audio: bytes, *, call: str = "call-1", ref: str = "rec-1") -> str:
        """Upload, wait until it is available, and return its id."""
        answer = self.put(audio, call=call, ref=ref)
        assert answer.status_code == 201, answer.text
        recording: str = answer.json()["id"]
        self.wait(recording)
        return recording

    def link(self, recording: str, **wanted: Any) -> dict[str, Any]:
        """Make a link."""
        said = {"listener": "Kim"} | wanted
        answer = self.http.post(self.url(f"/recordings/{recording}/links"), json=said)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def switch(self, *, enabled: bool) -> dict[str, Any]:
        """Switch recording on or off."""
        answer = self.http.put(self.url("/recording-switch"), json={"enabled": enabled})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def events(self, recording: str | None = None) -> list[dict[str, Any]]:
        """Return the access events, of all pages: what tests share may have more than one."""
        wanted: dict[str, Any] = {"limit": 1000} | ({"recording": recording} if recording else {})
        found: list[dict[str, Any]] = []
        while True:
            answer = self.http.get(self.url("/access-events"), params=wanted)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            cursor = answer.json().get("next_cursor")
            if cursor is None:
                return found
            wanted["cursor"] = cursor

    def types(self, recording: str | None = None) -> list[str]:
        """Return the kinds of the access events."""
        return [event["type"] for event in self.events(recording)]


def open_link(
    browser: httpx.Client, url: str, *, nonce: str | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Press the button on a link's page."""
    if nonce is None:
        page = browser.get(url, headers=headers or {})
        found = re.search(r'name="nonce" value="([^"]+)"', page.text)
        nonce = found[1] if found else "no page"
    return browser.post(f"{url}/open", data={"nonce": nonce}, headers=headers or {})
