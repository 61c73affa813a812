"""A customer with a platform of its own."""

import base64
import secrets
from datetime import UTC, datetime, timedelta

from tests.support.sender import JSON, Payload, Sender
from vault.simulator.exchange import Webhook
from vault.telephony.signatures.standard_webhooks import sign


class PlatformSender(Sender):
    """Signs with a secret of its own."""

    name, media, timed = "platform", ("data", "recording_url"), True

    def __init__(self) -> None:
        """Make up a secret."""
        self.credentials = {"secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()}

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        """Return ``body`` with a signature over its id, its time and itself."""
        headers = sign(self.credentials["secret"], delivery_id=secrets.token_hex(8), sent_at=at, body=body)
        return Webhook(event="proved", headers={"Content-Type": JSON, **headers}, body=body)

    def _said(self, url: str) -> Payload:
        now = datetime.now(UTC)
        data = {
            "call_ref": f"call-{secrets.token_hex(8)}",
            "recording_ref": f"rec-{secrets.token_hex(8)}",
            "recording_url": "",
            "direction": "inbound",
            "from": "+14155550187",
            "to": "+14155550123",
            "agent": "Robin Fields",
            "started_at": _moment(now - timedelta(seconds=30)),
            "ended_at": _moment(now),
        }
        return {"type": "recording.completed", "timestamp": _moment(now), "data": data}


def make_sender() -> Sender:
    """Return a new customer."""
    return PlatformSender()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
