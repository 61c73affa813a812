"""A passkey: its row, and the check of what an authenticator answers (WebAuthn Level 3, sections 7.1 and 7.2).

The library parses and verifies signatures. What it does not check is checked here: frames of other sites, the size of
ids and keys, the flags of backups, the counter.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, cast

from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from vault.domain.base64url import decode_base64url
from vault.domain.sign_in.refusals import RefusalCode, SignInRefused
from vault.domain.sign_in.relying_party import RelyingParty

#: COSE algorithms, the first one preferred. Ed25519 is left out: keys of small order verify anything.
ALGORITHMS: Final = (ES256.ALGORITHM, RS256.ALGORITHM)
#: Longest credential id (WebAuthn Level 3, section 7.1, step 25).
_MAX_ID: Final = 1023
#: The longest answer in characters: an RSA key with a certificate chain, which is not read.
_MAX_ANSWER: Final = 32_768
_RSA_BYTES: Final = range(256, 513)
_MAX_EXPONENT: Final = 4
_Kind = Literal["webauthn.create", "webauthn.get"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A row of a passkey. What it holds is public: the private key never leaves its authenticator."""

    id: str
    account_id: str
    person_id: str
    credential_id: bytes
    #: A COSE key, in CBOR.
    public_key: bytes = field(repr=False)
    #: As it was said last; 0 where the authenticator does not count.
    sign_count: int
    #: Whether it is copied to other devices of its owner.
    is_backed_up: bool
    #: The name that its owner typed, sealed.
    sealed_name: str | None = field(repr=False)
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """What an authenticator says about a passkey that it has just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_backed_up: bool
    challenge: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a browser sends to prove a passkey, parsed and not yet checked."""

    credential_id: bytes
    #: None where the authenticator does not say it.
    user_handle: bytes | None
    challenge: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an authenticator says with an assertion that is right."""

    sign_count: int
    is_backed_up: bool


def read_assertion(text: str) -> Assertion:
    """Parse the JSON of a browser's answer to ``navigator.credentials.get``. Raises SignInRefused."""
    answer = _answer(text)
    try:
        response = answer["response"]
        client_data = decode_base64url(response["clientDataJSON"])
        handle = response.get("userHandle")
        return Assertion(
            credential_id=decode_base64url(answer["rawId"]),
            user_handle=None if handle is None else decode_base64url(handle),
            challenge=_challenge(client_data),
            client_data=client_data,
            authenticator_data=decode_base64url(response["authenticatorData"]),
            signature=decode_base64url(response["signature"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SignInRefused("passkey_form") from error


def check_assertion(assertion: Assertion, public_key: bytes, site: RelyingParty) -> Used:
    """Check all but challenge and counter. Raises SignInRefused."""
    _check_client_data(assertion.client_data, "webauthn.get", site)
    data = _authenticator_data(assertion.authenticator_data)
    _check_authenticator_data(data, site)
    try:
        key = CoseKey.parse(cast("Mapping[int, Any]", cbor.decode(public_key)))
        key.verify(assertion.authenticator_data + _sha256(assertion.client_data), assertion.signature)
    except Exception as error:  # The library and cryptography raise many kinds; each means the same.
        # Whoever tries learns no more than about a passkey that is not known.
        raise SignInRefused("signature", str(SignInRefused("passkey"))) from error
    return Used(sign_count=data.counter, is_backed_up=data.is_backed_up())


def check_counter(before: int, now: int) -> None:
    """Raise SignInRefused if a counter does not count up: the authenticator may have been copied.

    Both are 0 for a passkey that does not count (section 6.1.1).
    """
    if (before or now) and now <= before:
        raise SignInRefused("counter")


def check_registration(text: str, site: RelyingParty) -> NewCredential:
    """Check all of a browser's answer to ``navigator.credentials.create`` but the challenge. Raises SignInRefused.

    Attestation is not asked for, and not looked at.
    """
    answer = _answer(text)
    try:
        client_data = decode_base64url(answer["response"]["clientDataJSON"])
        challenge = _challenge(client_data)
        attestation = decode_base64url(answer["response"]["attestationObject"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SignInRefused("passkey_form") from error
    _check_client_data(client_data, "webauthn.create", site)
    try:
        data = AttestationObject(attestation).auth_data
        credential = data.credential_data
        credential_id, public_key = _key_of(credential)
    except SignInRefused:
        raise
    except Exception as error:  # The parser of CBOR raises many kinds for bytes that anybody sends.
        raise SignInRefused("passkey_form") from error
    _check_authenticator_data(data, site)
    return NewCredential(
        credential_id=credential_id,
        public_key=public_key,
        sign_count=data.counter,
        is_backed_up=data.is_backed_up(),
        challenge=challenge,
    )


def _key_of(credential: AttestedCredentialData | None) -> tuple[bytes, bytes]:
    """Return id and key of a new credential. Raises SignInRefused, or whatever the library raises."""
    if credential is None or not 0 < len(credential.credential_id) <= _MAX_ID:
        raise SignInRefused("passkey_form")
    key = credential.public_key
    if key.get(3) not in ALGORITHMS:
        raise SignInRefused("algorithm")
    if not (_is_sound_rsa(key) if isinstance(key, RS256) else _is_point(key)):
        raise SignInRefused("key")
    return credential.credential_id, cbor.encode(key)


def _is_sound_rsa(key: CoseKey) -> bool:
    """Return whether an RSA key is long enough to be safe, and short enough to be checked quickly."""
    return len(key[-1].lstrip(b"\0")) in _RSA_BYTES and len(key[-2]) <= _MAX_EXPONENT


def _is_point(key: CoseKey) -> bool:
    """Return whether a key is a point of P-256."""
    if key.get(-1) != 1:
        return False
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(key[-2]), int.from_bytes(key[-3]), ec.SECP256R1())
    try:
        numbers.public_key()
    except ValueError:
        return False
    return True


def _answer(text: str) -> Mapping[str, Any]:
    if len(text) > _MAX_ANSWER:
        raise SignInRefused("passkey_form")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SignInRefused("passkey_form") from error
    if not isinstance(answer, dict) or answer.get("type") != "public-key":
        raise SignInRefused("passkey_form")
    return answer


def _challenge(client_data: bytes) -> bytes:
    return decode_base64url(json.loads(client_data)["challenge"])


def _check_client_data(client_data: bytes, kind: _Kind, site: RelyingParty) -> None:
    said = json.loads(client_data)
    if said.get("type") != kind:
        raise SignInRefused("passkey_type")
    if said.get("origin") != site.origin:
        raise SignInRefused("origin")
    # A page of another site that has this one in a frame could ask for a signature.
    if said.get("crossOrigin", False) is not False or said.get("topOrigin", site.origin) != site.origin:
        raise SignInRefused("origin")


def _authenticator_data(data: bytes) -> AuthenticatorData:
    try:
        return AuthenticatorData(data)
    except Exception as error:  # As above.
        raise SignInRefused("passkey_form") from error


def _check_authenticator_data(data: AuthenticatorData, site: RelyingParty) -> None:
    code: RefusalCode | None = None
    if not hmac.compare_digest(bytes(data.rp_id_hash), _sha256(site.domain.encode())):
        code = "passkey_domain"
    elif not data.is_user_present() or not data.is_user_verified():
        code = "not_verified"
    elif data.is_backed_up() and not data.is_backup_eligible():
        code = "passkey_form"
    if code is not None:
        raise SignInRefused(code)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
