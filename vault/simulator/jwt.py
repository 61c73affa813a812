"""Vonage's JSON Web Tokens on the provider's side: create HS256 tokens, verify RS256 tokens (RFC 7519)."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from vault.errors import NotAuthentic

#: Maximum seconds that the sender's clock may be ahead.
_LEEWAY = 60


def sign_hs256(claims: Mapping[str, object], key: str) -> str:
    """Create a token signed with a shared secret."""
    head = _coded({"typ": "JWT", "alg": "HS256"})
    signed = f"{head}.{_coded(claims)}"
    return f"{signed}.{_base64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}"


def check_rs256(token: str, key: RSAPublicKey, *, application_id: str, now: datetime) -> None:
    """Raise NotAuthentic unless the application signed the token and it is valid at ``now``."""
    try:
        head, payload, signature = token.split(".")
        if _object(head).get("alg") != "RS256":
            raise NotAuthentic("The token's algorithm is not RS256.")
        key.verify(_bytes(signature), f"{head}.{payload}".encode(), PKCS1v15(), SHA256())
        claims = _object(payload)
    except (ValueError, InvalidSignature, binascii.Error):
        raise NotAuthentic("The token is not one of this application.") from None
    issued, expires = claims.get("iat"), claims.get("exp")
    if claims.get("application_id") != application_id or not isinstance(claims.get("jti"), str):
        raise NotAuthentic("The token's application_id is another application's, or jti is missing.")
    if not isinstance(issued, int) or issued > now.timestamp() + _LEEWAY:
        raise NotAuthentic("The token is not valid yet.")
    # Without exp a token is valid for 15 minutes.
    ends = expires if isinstance(expires, int) else issued + 900
    if ends < now.timestamp():
        raise NotAuthentic("The token has expired.")


def _coded(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(coded: str) -> bytes:
    return base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)


def _object(coded: str) -> dict[str, Any]:
    value = json.loads(_bytes(coded))
    if not isinstance(value, dict):
        raise ValueError("The part is not an object.")  # noqa: TRY004 - one error for every invalid token
    return value
