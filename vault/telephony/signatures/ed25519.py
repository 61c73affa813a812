"""Ed25519 signatures over ``timestamp|body``, as Telnyx sends them.

Sources: the vendor's verification code (``telnyx/lib/webhook_verification.py``) and RFC 8032. Unlike the vendor's
code, this accepts only canonical base64 for key and signature, so that a webhook has one valid form.
The timestamp is signed and must be within TOLERANCE.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vault.errors import Invalid, NotAuthentic

#: Maximum seconds between the sender's clock and ours, in either direction (the vendor's value).
TOLERANCE = 300
KEY_BYTES, SIGNATURE_BYTES = 32, 64
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
#: Verified when there is no key, so that the time does not reveal it. It never authenticates anything.
DUMMY_KEY = bytes.fromhex("58" + "66" * 31)


def ed25519_key(encoded: str) -> bytes:
    """Decode a public key to 32 bytes. Raises Invalid, field ``public_key``."""
    key = _decoded(encoded, KEY_BYTES)
    if key is None:
        raise Invalid("public_key must be the base64 of 32 bytes.", field="public_key")
    return key


def verify_ed25519(
    keys: Sequence[str], *, timestamp: str, signature: str, body: bytes, received_at: datetime
) -> None:
    """Raise NotAuthentic, and no other error, unless one of ``keys`` (base64) signed ``timestamp|body``.

    ``received_at`` is aware. All keys are tried; without any, a dummy key is.
    """
    given = _decoded(signature, SIGNATURE_BYTES)
    if given is None or TIMESTAMP.fullmatch(timestamp) is None:
        raise _not_authentic("headers")
    if abs(int(timestamp) - received_at.timestamp()) > TOLERANCE:
        raise _not_authentic("clock")
    signed = timestamp.encode("ascii") + b"|" + body
    proven = False
    for key in [_decoded(key, KEY_BYTES) for key in keys] or [None]:
        try:
            Ed25519PublicKey.from_public_bytes(key or DUMMY_KEY).verify(given, signed)
        except InvalidSignature:
            continue
        # No early exit, so the time does not reveal which key matched. The dummy key proves nothing.
        proven |= key is not None
    if not proven:
        raise _not_authentic()


def _decoded(encoded: str, size: int) -> bytes | None:
    """Decode ``encoded`` if it is the canonical base64 of ``size`` bytes; else None."""
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode("ascii") == encoded else None


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Build the one error of this module; its message does not reveal which check failed."""
    return NotAuthentic("The delivery is not signed with this connection's key.", failed=failed)
