"""Rows of the table: what providers send at which people sign in."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.hostile.parsers import KIB, Row, text
from tests.hostile.shapes import JSON, TEXT, Shape, repeated, within
from vault.domain.sign_in.attempt import own_path
from vault.domain.sign_in.connection import check_issuer
from vault.domain.sign_in.passkey import _MAX_ANSWER, check_registration, read_assertion
from vault.domain.sign_in.provider_metadata import parse_metadata
from vault.domain.sign_in.relying_party import RelyingParty
from vault.domain.sign_in.scim.attributes import MAX_VALUES, USER, read_resource
from vault.domain.sign_in.scim.filters import parse_filter
from vault.domain.sign_in.scim.patch import URN as PATCH
from vault.domain.sign_in.scim.patch import Patch
from vault.domain.sign_in.signed_token import knows, open_token, parse_key_set
from vault.domain.strict_json import read_object


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


_SITE = RelyingParty.of("https://vault.example", None)
_CLIENT = b'{"type":"webauthn.create","origin":"https://vault.example","challenge":"AA","more":%s}'


def _answer(data: Shape, client: Shape | None = None) -> Shape:
    """Put shapes where a browser's answer has what the authenticator says, and the browser's own data."""

    def answer(size: int) -> bytes:
        said = _CLIENT % (b"0" if client is None else client(size // 4))
        response = {"clientDataJSON": _segment(said).decode()}
        names = ("attestationObject", "authenticatorData", "signature", "userHandle")
        response |= dict.fromkeys(names, _segment(data(size // 8)).decode())
        return json.dumps({"type": "public-key", "rawId": "AA", "response": response}).encode()

    return answer


def _cbor(head: bytes, each: bytes) -> Shape:
    """Return CBOR that begins with a head and goes on with one thing."""
    return lambda size: head + each * (size // len(each))


_ANSWERS = {
    **JSON,
    **{f"client data: {name}": _answer(lambda _: b"", shape) for name, shape in JSON.items()},
    "lists in lists": _answer(_cbor(b"", b"\x81")),
    "maps in maps": _answer(_cbor(b"", b"\xa1\x00")),
    "a list without an end": _answer(_cbor(b"\x9b\x00\x00\x00\x00\xff\xff\xff\xff", b"\x00")),
    "a map of one key": _answer(_cbor(b"\xb9\xff\xff", b"\x00\x00")),
    "a long text": _answer(_cbor(b"\x79\xff\xff", b"a")),
}

_PATCH = Patch(schema=USER, resource_id="pusr_0", most=MAX_VALUES)


def _scim(schema: str, member: bytes, shape: Shape) -> Shape:
    """Put a shape into a body of a schema."""
    return lambda size: b'{"schemas":["%s"],"userName":"a",%s:%s}' % (schema.encode(), member, shape(size))


def _patch(size: int) -> bytes:
    one = b'{"op":"add","path":"emails[type eq \\"a\\"].value","value":"b"}'
    return _scim(PATCH, b'"Operations"', lambda _: b"[" + b",".join([one] * max(1, size // len(one))) + b"]")(
        0
    )


def _paths(size: int) -> bytes:
    one = b'{"op":"replace","value":{"' + b"a" * size + b'":1}}'
    return _scim(PATCH, b'"Operations"', lambda _: b"[" + one + b"]")(0)


_USERS = {
    **JSON,
    **{f"emails: {name}": _scim(USER.urn, b'"emails"', shape) for name, shape in JSON.items()},
    "emails": _scim(USER.urn, b'"emails"', lambda size: b"[" + b'{"value":"a"},' * (size // 14) + b"{}]"),
}

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
    Row(name="issuer", parse=text(check_issuer), shapes=TEXT, limit=4 * KIB),
    Row(name="passkey", parse=text(read_assertion), shapes=_ANSWERS, limit=_MAX_ANSWER),
    Row(
        name="new passkey",
        parse=text(lambda answer: check_registration(answer, _SITE)),
        shapes=_ANSWERS,
        limit=_MAX_ANSWER,
    ),
    Row(
        name="SCIM filter",
        parse=text(lambda filter_: parse_filter(filter_, {"a", "b", "username"}, USER.urn)),
        shapes={
            **TEXT,
            **within(b'userName eq "', TEXT),
            **within(b'userName eq "a" ', TEXT),
            "conditions": repeated(b'a eq "b" and '),
            "escapes": repeated(b"\\\\", b'a eq "'),
        },
        limit=4 * KIB,
    ),
    Row(
        name="SCIM user", parse=lambda data: read_resource(USER, read_object(data, len(data))), shapes=_USERS
    ),
    Row(
        name="SCIM patch",
        parse=lambda data: _PATCH.apply({"userName": "a"}, read_object(data, len(data))),
        shapes={**JSON, "operations": _patch, "paths": _paths},
    ),
    Row(name="page after the sign-in", parse=text(own_path), shapes=TEXT, limit=4 * KIB),
]
