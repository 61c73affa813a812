"""A customer of Telnyx."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.support.sender import Sender, SimulatedSender


def prove(provider: Any, _url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    """Sign the time and the body."""
    stamp = str(int(at.timestamp()))
    signature = provider._key.sign(stamp.encode() + b"|" + body)
    return {
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "telnyx-timestamp": stamp,
    }


def make_sender() -> Sender:
    """Return a new customer."""
    return SimulatedSender("telnyx", prove, media=("data", "payload", "recording_urls", "wav"), timed=True)
