"""What is fuzzed of passkeys: the answers of browsers, whole, and each part of them that an authenticator makes."""

import json

from tests.support.software_authenticator import SoftwareAuthenticator
from vault.domain.base64url import decode_base64url, encode_base64url
from vault.domain.sign_in.challenge import check_challenge, new_challenge
from vault.domain.sign_in.passkey import check_assertion, check_registration, read_assertion
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.relying_party import RelyingParty
from vault.rfc3339 import parse_rfc3339

_SITE = RelyingParty.of("https://vault.example")
_NOW, _SECRET = parse_rfc3339("2026-03-02T09:30:00Z"), bytes(32)
_DEVICE = SoftwareAuthenticator(origin=_SITE.origin, domain=_SITE.domain)
_CHALLENGE = new_challenge(_SECRET, "sign_in", "cookie", _NOW)
_MADE = _DEVICE.make(_CHALLENGE)
_KEY = check_registration(_MADE, _SITE).public_key
_USED = _DEVICE.use(_CHALLENGE)


def _part(answer: str, name: str) -> bytes:
    return decode_base64url(json.loads(answer)["response"][name])


def _with(answer: str, name: str, data: bytes) -> str:
    """Return an answer with another part."""
    said = json.loads(answer)
    said["response"][name] = encode_base64url(data)
    return json.dumps(said)


_PARTS = ("clientDataJSON", "authenticatorData", "signature")
_SIGNED = (_part(_USED, "clientDataJSON"), _part(_USED, "authenticatorData"))


def passkey(data: bytes) -> None:
    """Read data as an answer, and as each part of one: only what was signed proves a passkey."""
    text = data.decode("utf-8", "surrogateescape")
    for answer in (text, *(_with(_MADE, one, data) for one in ("clientDataJSON", "attestationObject"))):
        try:
            made = check_registration(answer, _SITE)
        except SignInRefused:
            continue
        assert 0 < len(made.credential_id) <= 1023
        assert made.sign_count >= 0
    for answer in (text, *(_with(_USED, one, data) for one in _PARTS)):
        try:
            found = read_assertion(answer)
            check_assertion(found, _KEY, _SITE)
        except SignInRefused:
            continue
        # A signature has several forms; what it signs has one.
        assert (found.client_data, found.authenticator_data) == _SIGNED
    try:
        check_challenge(_SECRET, data, "sign_in", "cookie", _NOW)
    except SignInRefused:
        return
    assert data == _CHALLENGE


SEEDS = (
    _MADE.encode(),
    _USED.encode(),
    *(_part(_USED, one) for one in _PARTS),
    _part(_MADE, "attestationObject"),
    _CHALLENGE,
)
