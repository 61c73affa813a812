"""Rows of the table: what providers send at which people sign in."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.hostile.parsers import KIB, Row, text
from tests.hostile.shapes import JSON, TEXT, Shape
from vault.domain.sign_in.attempt import own_path
from vault.domain.sign_in.connection import _check_issuer
from vault.domain.sign_in.provider_metadata import parse_metadata
from vault.domain.sign_in.signed_token import knows, open_token, parse_key_set


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_PUBLIC = _segment(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
_KEYS = parse_key_set(json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": _PUBLIC}]}).encode())
_HEAD = _segment(b'{"alg":"EdDSA"}')
_ENDS = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://idp.example/x")


def _claims(shape: Shape) -> Shape:
    """Put a shape where a token has its claims."""
    return lambda size: b".".join((_HEAD, _segment(b'{"a":' + shape(size * 3 // 4) + b"}"), b"A" * 86))


def _header(shape: Shape) -> Shape:
    """Put a shape where a token has its header."""
    return lambda size: b".".join((_segment(b'{"alg":' + shape(size * 3 // 4) + b"}"), _HEAD, b"A" * 86))


def _keys(size: int) -> bytes:
    entry = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": _PUBLIC}).encode()
    return b'{"keys":[' + b",".join([entry] * max(1, size // len(entry))) + b"]}"


def _metadata(size: int) -> bytes:
    return json.dumps({"issuer": "https://idp.example", "scopes": "a" * size} | _ENDS).encode()


ROWS = [
    Row(
        name="ID token",
        parse=text(lambda token: open_token(token, _KEYS)),
        shapes={
            **TEXT,
            **{f"claims: {name}": _claims(shape) for name, shape in JSON.items()},
            **{f"header: {name}": _header(shape) for name, shape in JSON.items()},
        },
    ),
    Row(
        name="key of a token",
        parse=text(lambda token: knows(token, _KEYS)),
        shapes={"letters": TEXT["letters"]},
    ),
    Row(name="key set", parse=parse_key_set, shapes={**JSON, "keys": _keys}, limit=16 * KIB),
    Row(
        name="discovery document",
        parse=lambda data: parse_metadata(data, "https://idp.example"),
        shapes={**JSON, "complete": _metadata},
    ),
    Row(name="issuer", parse=text(_check_issuer), shapes=TEXT, limit=4 * KIB),
    Row(name="page after the sign-in", parse=text(own_path), shapes=TEXT, limit=4 * KIB),
]
