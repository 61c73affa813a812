"""The signatures of messages, as in Standard Webhooks 1.0.0: over ``id.timestamp.body``.

``v1`` is HMAC-SHA256 with a secret ``whsec_…``, which the receiver has too. ``v1a`` is Ed25519 with a private key
``whsk_…``: anybody can verify it with the public key ``whpk_…``, so it proves to others who sent a message.

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

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - not a secret
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
_SECRET_BYTES: Final = 32
#: A private key is followed by its public key.
_SEED_BYTES: Final = 32
#: A dot ends the id in what is signed.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_secret() -> str:
    """Return a new secret of a receiver, in the form of the standard."""
    return SECRET_PREFIX + base64.b64encode(token_bytes(_SECRET_BYTES)).decode()


def new_private_key() -> str:
    """Return a new private key, in the form of the standard."""
    key = Ed25519PrivateKey.generate()
    pair = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return PRIVATE_PREFIX + base64.b64encode(pair).decode()


def public_key_of(private_key: str) -> str:
    """Return the public key of a private key, in the form of the standard."""
    public = _private(private_key).public_key().public_bytes_raw()
    return PUBLIC_PREFIX + base64.b64encode(public).decode()


def signed_headers(keys: Sequence[str], message_id: str, body: bytes, *, at: datetime) -> Mapping[str, str]:
    """Return the headers of a message that is sent at this time, with a signature by each secret or private key.

    While one is replaced, a receiver verifies with the older or the newer one.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("The id of a message has 1 to 64 letters, digits, _ and - of ASCII.")
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: str, signed: bytes) -> str:
    if key.startswith(PRIVATE_PREFIX):
        return f"v1a,{base64.b64encode(_private(key).sign(signed)).decode()}"
    secret = base64.b64decode(key.removeprefix(SECRET_PREFIX), validate=True)
    if not secret:
        raise ValueError("A secret is never empty: anybody could sign with it.")
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def _private(key: str) -> Ed25519PrivateKey:
    pair = base64.b64decode(key.removeprefix(PRIVATE_PREFIX), validate=True)
    return Ed25519PrivateKey.from_private_bytes(pair[:_SEED_BYTES])
