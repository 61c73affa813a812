"""Base64url as RFC 7515 writes it (appendix C): no padding and no spare bits, so that all bytes have one spelling."""

import base64
import re

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def encode_base64url(data: bytes) -> str:
    """Encode."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Decode. Raises ValueError for any other spelling of the same bytes."""
    if _BASE64URL.fullmatch(text) is None:
        raise ValueError("It is not base64url.")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(data) != text:
        raise ValueError("It has spare bits.")
    return data
