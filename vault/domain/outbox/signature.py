"""The signature of messages, as in Standard Webhooks 1.0.0: HMAC-SHA256 over ``id.timestamp.body``.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - not a secret
_SECRET_BYTES: Final = 32
#: A dot ends the id in what is signed.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_secret() -> str:
    """Return a new secret of a receiver, in the form of the standard."""
    return SECRET_PREFIX + base64.b64encode(token_bytes(_SECRET_BYTES)).decode()


def signed_headers(
    secrets: Sequence[str], message_id: str, body: bytes, *, at: datetime
) -> Mapping[str, str]:
    """Return the headers of a message that is sent at this time, with a signature for each of these secrets.

    While a secret is replaced, a receiver verifies with the older or the newer one.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("The id of a message has 1 to 64 letters, digits, _ and - of ASCII.")
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_hmac(secret, signed)}" for secret in secrets),
    }


def _hmac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    if not key:
        raise ValueError("A secret is never empty: anybody could sign with it.")
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
