"""Telnyx's payloads, and what the tests of its adapter have in common."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from tests.telephony.malformed import payload
from tests.telephony.replies import content_of
from vault.domain.calls.call import Announcement, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.ports.telephony import Provider
from vault.telephony.providers.telnyx.adapter import Telnyx

HERE = Path(__file__).parent
NOW = datetime(2018, 2, 2, 22, 25, 30, tzinfo=UTC)
PROVIDER: Provider = Telnyx()
#: PyNaCl is what the vendor's SDK verifies with.
SIGNER, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))


def public(signer: SigningKey) -> str:
    """Return the public key as Mission Control shows it."""
    return base64.b64encode(bytes(signer.verify_key)).decode()


CREDENTIALS = {"public_key": public(SIGNER), "api_key": "KEY0123-made-up"}
BEARER = "Bearer KEY0123-made-up"
ACCESS = Access(credentials=CREDENTIALS, api_base=None, now=NOW)
ELSEWHERE = Access(credentials=CREDENTIALS, api_base="http://127.0.0.1:9999/telnyx", now=NOW)
LEG = "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
CONFERENCE = "9c8d31b6-abf3-3bc1-b7f4-5013ef9657c1"
RECORDING = "4577f9a2-cf0e-44f3-ac57-9f95fb03fa47"
NAMED = Announcement(recording_ref=RECORDING, url=None, source_ref=RECORDING)
#: A recording whose id was not said.
UNNAMED = Announcement(
    recording_ref=f"{LEG}/2018-02-02T22:20:27.521992+00:00", url=None, source_ref=f"call_leg_id={LEG}"
)
NAMES = sorted(path.stem for path in (HERE / "payloads").glob("c*.json"))


def load(name: str) -> dict[str, Any]:
    return payload(HERE, name)


def signed(body: bytes, *, signer: SigningKey = SIGNER, at: datetime = NOW) -> dict[str, str]:
    """Return the two headers by which the peer proves ``body``."""
    timestamp = str(int(at.timestamp()))
    signature = signer.sign(timestamp.encode() + b"|" + body).signature
    return {
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
    }


def delivery(event: object, headers: dict[str, str] | None = None, *, at: datetime = NOW) -> Delivery:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    url = "https://vault.example/webhooks/telnyx/c"
    return Delivery(method="POST", url=url, headers=headers or {}, body=body, received_at=at)


def heard(event: object) -> WebhookContent:
    return content_of(PROVIDER, delivery(event))


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2018-02-02T{clock}+00:00")
