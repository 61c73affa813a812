"""Vonage's JSON Web Tokens: HS256 on its callbacks, RS256 on requests to its REST API.

Each function accepts one fixed algorithm, so a token cannot choose it (RFC 8725, 3.1). The vendor's library
checks only the signature of a callback; this also checks the body hash, the time and the
application. A token without ``jti`` is refused, because replays are detected by it.

A GET callback has no body, and Vonage does not sign its query. Its token proves the sender and the
time, not the query; the setup instructions therefore require POST.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.signatures.rsa_keys import load_rsa_key
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY, TOLERANCE

#: Lifetime of a token for the REST API; the vendor's SDK uses the same.
LIFE = timedelta(minutes=15)

#: An HMAC-SHA256 has 43 characters of base64url. The scheme name is case-insensitive (RFC 9110, section 11.1).
BEARER = re.compile(
    r"(?:[Bb][Ee][Aa][Rr][Ee][Rr]) +([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{43})"
)
JTI = re.compile(r"[!-~]{1,200}")

Claims = Mapping[str, object]


def verify_callback(keys: Sequence[tuple[str, str]], delivery: Delivery) -> None:
    """Raise NotAuthentic, and no other error, unless one of ``keys`` signed the callback.

    ``keys`` are pairs of signature secret and application id. An empty secret is never accepted.
    Without any key, a dummy key is used so that the time does not reveal it.
    """
    match = BEARER.fullmatch(delivery.headers.get("authorization", ""))
    if match is None:
        raise _not_authentic("headers")
    signed, given = f"{match[1]}.{match[2]}".encode("ascii"), match[3].encode("ascii")
    applications: list[str] = []
    for secret, application in keys or [("", "")]:
        key = secret.encode("utf-8", "surrogatepass") or DUMMY_KEY
        expected = _base64url(hmac.digest(key, signed, hashlib.sha256))
        # No early exit, so the time does not reveal which secret matched.
        if hmac.compare_digest(expected, given) and secret:
            applications.append(application)
    if not applications:
        raise _not_authentic()
    _check_header(_object(match[1]))
    claims = _object(match[2])
    _check_time(claims, delivery.received_at)
    _check_body(claims, delivery)
    if not _is_jti(claims.get("jti")) or claims.get("iss", "Vonage") != "Vonage":
        raise _not_authentic()
    if "application_id" in claims and claims["application_id"] not in applications:
        raise _not_authentic()


def callback_id(delivery: Delivery) -> str | None:
    """Return the ``jti`` of a callback whose token was verified before; None if it has none."""
    match = BEARER.fullmatch(delivery.headers.get("authorization", ""))
    if match is None:
        return None
    try:
        jti = _object(match[2]).get("jti")
    except NotAuthentic:
        return None
    return jti if isinstance(jti, str) and _is_jti(jti) else None


def application_token(application_id: str, private_key: str, *, now: datetime) -> str:
    """Create an application's token for the REST API, valid for 15 minutes. Raises Invalid, field ``private_key``."""
    issued = int(now.timestamp())
    claims = {
        "application_id": application_id,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
        "jti": secrets.token_hex(16),
    }
    signed = _base64url(b'{"alg":"RS256","typ":"JWT"}') + b"." + _base64url(json.dumps(claims).encode())
    key = load_rsa_key(private_key)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _base64url(signature)).decode("ascii")


def _check_header(header: Claims) -> None:
    # ``crit`` lists extensions that must be understood, and none is supported (RFC 7515, 4.1.11).
    if header.get("alg") != "HS256" or header.get("typ", "JWT") != "JWT" or "crit" in header:
        raise _not_authentic()


def _check_time(claims: Claims, received_at: datetime) -> None:
    """Raise NotAuthentic unless ``iat`` is within TOLERANCE, ``exp`` is ahead and ``nbf`` has passed."""
    at = received_at.timestamp()
    moments = {name: claims[name] for name in ("iat", "exp", "nbf") if name in claims}
    for moment in moments.values():
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            raise _not_authentic()
    issued, expires, begins = (moments.get(name) for name in ("iat", "exp", "nbf"))
    if not isinstance(issued, int | float) or abs(issued - at) > TOLERANCE:
        raise _not_authentic("clock")
    if isinstance(expires, int | float) and at >= expires:
        raise _not_authentic("clock")
    if isinstance(begins, int | float) and at < begins:
        raise _not_authentic("clock")


def _check_body(claims: Claims, delivery: Delivery) -> None:
    """Raise NotAuthentic unless ``payload_hash`` matches the body; optional for a GET without a body."""
    given = claims.get("payload_hash")
    if given is None and delivery.method == "GET" and not delivery.body:
        return
    expected = hashlib.sha256(delivery.body).hexdigest().encode("ascii")
    if not isinstance(given, str) or not hmac.compare_digest(_utf8(given), expected):
        raise _not_authentic("body")


def _object(part: str) -> Claims:
    """Decode the JSON object in one part of a token. Raises NotAuthentic."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return parse_object(raw)
    except (binascii.Error, ValueError, Invalid):
        raise _not_authentic() from None


def _is_jti(value: object) -> bool:
    return isinstance(value, str) and JTI.fullmatch(value) is not None


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Build the one error of this module; its message does not reveal which check failed."""
    return NotAuthentic("The delivery is not signed with this connection's secret.", failed=failed)
