"""A customer of Plivo."""

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.support.sender import FORM, Sender, SimulatedSender, pairs


def prove(provider: Any, url: str, body: bytes, _at: datetime) -> Mapping[str, str]:
    """Sign the URL, the sorted fields and a nonce."""
    nonce, fields = secrets.token_hex(10), "".join(name + value for name, value in pairs(body))
    signed = f"{url}?{fields}.{nonce}" if fields else f"{url}.{nonce}"
    digest = hmac.digest(provider.credentials["auth_token"].encode(), signed.encode(), "sha256")
    return {
        "X-Plivo-Signature-V3": base64.b64encode(digest).decode(),
        "X-Plivo-Signature-V3-Nonce": nonce,
    }


def make_sender() -> Sender:
    """Return a new customer."""
    return SimulatedSender("plivo", prove, media=("RecordUrl",), content_type=FORM)
