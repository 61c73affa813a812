"""Standard Webhooks signatures: the proof that a delivery comes from who shares the secret.

The scheme is the symmetric one of the Standard Webhooks specification, version 1: HMAC-SHA256 over
``id.timestamp.body``, with the id and the timestamp in headers. The published Python library raises
ValueError, binascii.Error or UnicodeDecodeError for malformed headers and bodies, so this one is our
own: bytes in, bytes compared, and every way of being wrong is NotAuthentic.

Signatures are compared as the text that was sent, against the text that would have been sent. Decoding
first would let one signature be written in several ways, because base64 ignores its last bits.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from vault.errors import Invalid, NotAuthentic

#: Seconds between the sender's clock and ours, in either direction (the specification's figure).
TOLERANCE = 300
#: Bytes of a secret: the specification asks for 24 to 64.
SECRET_BYTES = range(24, 65)
#: Signatures in one header: the current secret's and those that are on their way out.
MAX_SIGNATURES = 16

PREFIX = "whsec_"
_HOW = (
    "The secret must be whsec_ followed by 24 to 64 random bytes in base64: whsec_$(openssl rand -base64 32)."
)
#: Used where there is no secret at all, so that this takes as long as a wrong one.
DUMMY_KEY = b"\x00" * 32

#: Printable ASCII without the space, and without the dot, which would move the id's end.
ID = re.compile(r"[!-\-/-~]{1,256}")
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
SIGNATURE = re.compile(r"(v[0-9][0-9a-z]{0,7}),([A-Za-z0-9+/]{1,512}={0,2})")


def secret_bytes(secret: str) -> bytes:
    """Return the key inside ``whsec_`` and base64. Raises Invalid, field ``secret``, for anything else."""
    encoded = secret.removeprefix(PREFIX)
    if not secret.startswith(PREFIX):
        raise Invalid(_HOW, field="secret")
    try:
        # Some generators leave the padding away.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(_HOW, field="secret") from None
    if len(key) not in SECRET_BYTES:
        raise Invalid(_HOW, field="secret")
    return key


def sign(secret: str, *, delivery_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers that prove ``body``. ``sent_at`` is aware; its second counts.

    Raises Invalid for a secret or an id that no receiver would accept.
    """
    if ID.fullmatch(delivery_id) is None:
        raise Invalid("The id has 1 to 256 printable ASCII characters and no dot.", field="webhook-id")
    timestamp = str(int(sent_at.timestamp()))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _signature(secret_bytes(secret), delivery_id, timestamp, body).decode("ascii"),
    }


def verify(secrets: Sequence[str], *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> None:
    """Raise NotAuthentic unless one of ``secrets`` signed ``body``; never anything else.

    ``headers`` has names in lower case, with the values of repeated headers joined by a comma.
    ``received_at`` is aware. Without any secret the work is done with a dummy key.
    """
    delivery_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if ID.fullmatch(delivery_id) is None or TIMESTAMP.fullmatch(timestamp) is None:
        raise _not_authentic("headers")
    if abs(int(timestamp) - received_at.timestamp()) > TOLERANCE:
        raise _not_authentic("clock")
    given = _signatures(headers.get("webhook-signature", ""))
    proven = False
    for key in [_key(secret) for secret in secrets] or [DUMMY_KEY]:
        expected = _signature(key, delivery_id, timestamp, body)
        for candidate in given:
            # No early end: which secret or signature fits is nobody's business.
            proven |= hmac.compare_digest(expected, candidate)
    if not (proven and secrets):
        raise _not_authentic()


def _signature(key: bytes, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    signed = f"{delivery_id}.{timestamp}.".encode("ascii") + body
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _signatures(header: str) -> list[bytes]:
    """Return the ``v1`` signatures of the header; other versions are passed over, as the rules say.

    One malformed entry spoils the header: this is how a repeated header, joined by a comma, looks.
    """
    entries = header.split(" ")
    if len(entries) > MAX_SIGNATURES:
        raise _not_authentic()
    matches = [SIGNATURE.fullmatch(entry) for entry in entries]
    if not all(matches):
        raise _not_authentic("headers")
    return [match[0].encode("ascii") for match in matches if match and match[1] == "v1"]


def _key(secret: str) -> bytes:
    try:
        return secret_bytes(secret)
    except Invalid:
        raise _not_authentic() from None


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Return the one error of this module: it tells nobody which part was wrong."""
    return NotAuthentic("The delivery is not signed with this connection's secret.", failed=failed)
