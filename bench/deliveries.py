"""Deliveries as each platform sends them, every one of a new recording, under credentials made up here.

Those of the vault's own platform are written down here; all others are the simulator's, so that they
have every field that a real body has, and are signed by code that knows nothing of the vault's adapters.
"""

import base64
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from vault.simulator.call import Copy, call_that_ended
from vault.simulator.exchange import Webhook
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED
from vault.telephony.signatures.standard_webhooks import sign

#: Aircall counts its calls, so the simulated ones begin anywhere and go up.
_FIRST_CALL = 800_000_000


class Sender(ABC):
    """One platform with one customer; it never says the same recording twice."""

    def __init__(self) -> None:
        """Begin with the first recording."""
        self._sent = 0

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return what the vault's connection must know."""

    @abstractmethod
    def _event(self, number: int, url: str) -> Webhook:
        """Return the event that says that recording ``number`` is ready, for the webhook at ``url``."""

    def request(self, url: str, path: str) -> bytes:
        """Return the next delivery as HTTP/1.1, signed for the public ``url`` and sent to ``path``."""
        self._sent += 1
        event = self._event(self._sent, url)
        headers = {"Host": "vault.example", "Content-Length": str(len(event.body)), **event.headers}
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode() + event.body


class PlatformSender(Sender):
    """The vault's own platform: JSON under a Standard Webhooks signature."""

    def __init__(self, media: str) -> None:
        """Make up a secret. ``media`` is the origin that recordings are announced at."""
        super().__init__()
        self._media, self._mark = media, secrets.token_hex(8)
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._token = secrets.token_hex(64)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the secret."""
        return {"secret": self._secret}

    def _event(self, number: int, url: str) -> Webhook:  # noqa: ARG002 - the URL is not signed
        mark, now = self._mark, datetime.now(UTC)
        data = {
            "call_ref": f"call-{mark}-{number}", "direction": "inbound", "from": f"+1415{number % 10_000_000:07}",
            "to": "+14155550123", "agent": "Robin", "started_at": (now - timedelta(minutes=3)).isoformat(),
            "ended_at": now.isoformat(), "recording_ref": f"rec-{mark}-{number}",
            "recording_url": f"{self._media}/recordings/{mark}/{number}.wav?signature={self._token}",
        }  # fmt: skip
        said = {"type": "recording.completed", "timestamp": now.isoformat(), "data": data}
        body = json.dumps(said).encode()
        proof = sign(self._secret, delivery_id=f"{mark}-{number}", sent_at=now, body=body)
        headers = {"Content-Type": "application/json", **proof}
        return Webhook(event="recording.completed", headers=headers, body=body)


class SimulatedSender(Sender):
    """A simulated provider that never has to answer."""

    def __init__(self, provider: SimulatedProvider) -> None:
        """Send as ``provider``, under the credentials it made up."""
        super().__init__()
        self._provider = provider
        self._first = _FIRST_CALL + secrets.randbelow(99_999_999)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the provider's."""
        return self._provider.credentials

    def _event(self, number: int, url: str) -> Webhook:
        # Aircall's ids are numbers and its recordings have none of their own.
        counts = self._provider.name == "aircall"
        ref = str(self._first + number) if counts else f"CA{secrets.token_hex(16)}"
        call = call_that_ended(datetime.now(UTC), ref=ref, direction="inbound")
        recording_ref = ref if counts else f"RE{secrets.token_hex(16)}"
        return self._provider.recording_event(Copy(ref=recording_ref, call=call, audio=b""), url)


def sender(provider: str, media: str) -> Sender:
    """Return a platform of that name, whose recordings lie at the origin ``media``."""
    return PlatformSender(media) if provider == "platform" else SimulatedSender(SIMULATED[provider](media))
