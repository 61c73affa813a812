"""A customer of Vonage."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.support.sender import Sender, SimulatedSender
from vault.simulator.jwt import sign_hs256


def prove(provider: Any, _url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    """Return a token with the hash of the body."""
    claims = {
        "iat": int(at.timestamp()),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "application_id": provider.credentials["application_id"],
    }
    return {"Authorization": f"Bearer {sign_hs256(claims, provider.credentials['signature_secret'])}"}


def make_sender() -> Sender:
    """Return a new customer."""
    return SimulatedSender("vonage", prove, media=("recording_url",), timed=True)
