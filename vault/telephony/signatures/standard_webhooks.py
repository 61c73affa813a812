"""Standard Webhooks signatures, symmetric, version 1: HMAC-SHA256 over ``id.timestamp.body``.

The id and the timestamp are in headers. The published Python library raises
ValueError, binascii.Error or UnicodeDecodeError for malformed headers and bodies, so the vault has its own
implementation: it works on bytes, and every failure is NotAuthentic.

Signatures are compared in their base64 form, without decoding. Decoding
first would give one signature several valid forms, because base64 ignores its last bits.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from vault.errors import Invalid, NotAuthentic

#: Maximum seconds between the sender's clock and ours, in either direction (the specification's value).
TOLERANCE = 300
#: Bytes of a secret: the specification requires 24 to 64.
SECRET_BYTES = range(24, 65)
#: Maximum signatures in one header: of the current secret and of previous ones during rotation.
MAX_SIGNATURES = 16

PREFIX = "whsec_"
_ID = "webhook-id must have 1 to 256 characters: printable ASCII without space and dot."
_HOW = (
    "The secret must be whsec_ followed by 24 to 64 random bytes in base64: whsec_$(openssl rand -base64 32)."
)
#: Used when there is no secret, so that the time does not reveal it.
DUMMY_KEY = b"\x00" * 32

#: Printable ASCII without the space and the dot; a dot would make the end of the id ambiguous.
ID = re.compile(r"[!-\-/-~]{1,256}")
TIMESTAMP = re.compile(r"[1-9][0-9]{0,15}")
SIGNATURE = re.compile(r"(v[0-9][0-9a-z]{0,7}),([A-Za-z0-9+/]{1,512}={0,2})")


def secret_bytes(secret: str) -> bytes:
    """Decode the key after ``whsec_`` from base64. Raises Invalid, field ``secret``."""
    encoded = secret.removeprefix(PREFIX)
    if not secret.startswith(PREFIX):
        raise Invalid(_HOW, field="secret")
    try:
        # Some generators omit the padding.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(_HOW, field="secret") from None
    if len(key) not in SECRET_BYTES:
        raise Invalid(_HOW, field="secret")
    return key


def sign(secret: str, *, delivery_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Sign ``body`` and return the three headers. ``sent_at`` is aware, and truncated to seconds.

    Raises Invalid for an invalid secret or id.
    """
    if ID.fullmatch(delivery_id) is None:
        raise Invalid(_ID, field="webhook-id")
    timestamp = str(int(sent_at.timestamp()))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _signature(secret_bytes(secret), delivery_id, timestamp, body).decode("ascii"),
    }


def verify(secrets: Sequence[str], *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> None:
    """Raise NotAuthentic, and no other error, unless one of ``secrets`` signed ``body``.

    ``headers`` has names in lower case, with the values of repeated headers joined by a comma.
    ``received_at`` is aware. Without any secret, a dummy key is used so that the time does not reveal it.
    """
    delivery_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if ID.fullmatch(delivery_id) is None:
        raise _not_authentic("headers", _ID)
    check_clock(timestamp, received_at, header="webhook-timestamp")
    given = _signatures(headers.get("webhook-signature", ""))
    proven = False
    for key in [_key(secret) for secret in secrets] or [DUMMY_KEY]:
        expected = _signature(key, delivery_id, timestamp, body)
        for candidate in given:
            # No early exit, so the time does not reveal which secret or signature matched.
            proven |= hmac.compare_digest(expected, candidate)
    if not (proven and secrets):
        raise _not_authentic()


def check_clock(timestamp: str, received_at: datetime, *, header: str) -> None:
    """Raise NotAuthentic, which says so, unless a delivery was signed within TOLERANCE seconds.

    It looks at the timestamp alone, before any secret, so what it says tells nothing about a secret.
    """
    if TIMESTAMP.fullmatch(timestamp) is None:
        text = f"{header} must be the time in seconds since 1970, as digits."
        raise NotAuthentic(text, failed="headers")
    ahead = int(timestamp) - received_at.timestamp()
    if abs(ahead) <= TOLERANCE:
        return
    if len(timestamp) > len(str(int(received_at.timestamp()))):
        text = f"{header} must be in seconds since 1970: this one looks like milliseconds."
    else:
        off = f"{abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the vault's clock"
        text = f"{header} is {off}, and at most {TOLERANCE} are accepted: check the sender's clock."
    raise NotAuthentic(text, failed="clock")


def _signature(key: bytes, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    signed = f"{delivery_id}.{timestamp}.".encode("ascii") + body
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _signatures(header: str) -> list[bytes]:
    """Return the ``v1`` signatures of the header; other versions are skipped, as the specification requires.

    One malformed entry invalidates the header: a repeated header, joined by a comma, has this form.
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


def _not_authentic(
    failed: str = "signature", text: str = "The delivery is not signed with this connection's secret."
) -> NotAuthentic:
    """Build an error; its message tells nothing that depends on the secret."""
    return NotAuthentic(text, failed=failed)
