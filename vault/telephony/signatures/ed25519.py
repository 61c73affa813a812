"""Ed25519 signatures over ``timestamp|body``, as Telnyx sends them.

Sources: the vendor's own verification code (``telnyx/lib/webhook_verification.py``) and RFC 8032. Its
lax decoding is not taken over: key and signature are compared with their one canonical base64, so that a
delivery cannot be written in two ways. The timestamp is part of what is signed and must be fresh.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vault.errors import Invalid, NotAuthentic

#: Seconds between the sender's clock and ours, in either direction (the vendor's figure).
TOLERANCE = 300
KEY_BYTES, SIGNATURE_BYTES = 32, 64
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
#: Tried where there is no key, so that this takes as long as a wrong one. It never proves anything.
DUMMY_KEY = bytes.fromhex("58" + "66" * 31)


def ed25519_key(encoded: str) -> bytes:
    """Return the 32 bytes of a public key. Raises Invalid, field ``public_key``, for anything else."""
    key = _decoded(encoded, KEY_BYTES)
    if key is None:
        raise Invalid("The public key is the base64 of 32 bytes.", field="public_key")
    return key


def verify_ed25519(
    keys: Sequence[str], *, timestamp: str, signature: str, body: bytes, received_at: datetime
) -> None:
    """Raise NotAuthentic unless one of ``keys`` (base64) signed ``timestamp|body``; never anything else.

    ``received_at`` is aware. Every key is tried, and without any a dummy is.
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
        # No early end, and a dummy proves nothing: which key fits is nobody's business.
        proven |= key is not None
    if not proven:
        raise _not_authentic()


def _decoded(encoded: str, size: int) -> bytes | None:
    """Return ``size`` bytes if ``encoded`` is the one base64 text that stands for them."""
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode("ascii") == encoded else None


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Return the one error of this module: it tells nobody which part was wrong."""
    return NotAuthentic("The delivery is not signed with this connection's key.", failed=failed)
