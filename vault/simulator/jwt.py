"""JSON Web Tokens as Vonage uses them, both ways: HS256 made by the provider, RS256 checked by it (RFC 7519)."""

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

#: Seconds that a clock may be ahead.
_LEEWAY = 60


def sign_hs256(claims: Mapping[str, object], key: str) -> str:
    """Return a token under a shared secret."""
    head = _coded({"typ": "JWT", "alg": "HS256"})
    signed = f"{head}.{_coded(claims)}"
    return f"{signed}.{_base64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}"


def check_rs256(token: str, key: RSAPublicKey, *, application_id: str, now: datetime) -> None:
    """Raise NotAuthentic unless the application signed the token and it is valid at ``now``."""
    try:
        head, claims, signature = token.split(".")
        if _object(head).get("alg") != "RS256":
            raise NotAuthentic("The token is not signed as it should be.")
        key.verify(_bytes(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        said = _object(claims)
    except (ValueError, InvalidSignature, binascii.Error):
        raise NotAuthentic("The token is not one of this application.") from None
    issued, expires = said.get("iat"), said.get("exp")
    if said.get("application_id") != application_id or not isinstance(said.get("jti"), str):
        raise NotAuthentic("The token names another application, or itself not at all.")
    if not isinstance(issued, int) or issued > now.timestamp() + _LEEWAY:
        raise NotAuthentic("The token is not valid yet.")
    # Without exp a token lives for 15 minutes.
    ends = expires if isinstance(expires, int) else issued + 900
    if ends < now.timestamp():
        raise NotAuthentic("The token has expired.")


def _coded(said: Mapping[str, object]) -> str:
    return _base64(json.dumps(said, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(coded: str) -> bytes:
    return base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)


def _object(coded: str) -> dict[str, Any]:
    said = json.loads(_bytes(coded))
    if not isinstance(said, dict):
        raise ValueError("The part is not an object.")  # noqa: TRY004 - one error for all that is no token
    return said
