"""Opens a signed token of a provider: a JWS in compact form, by a key of the provider's key set.

Everything about the token is decided here, and only the signature by ``joserfc``: the algorithm is one of a fixed
list without ``none`` and without shared secrets, the key has the type that the algorithm needs, and keys or addresses
in the token's own header are never used (RFC 8725, sections 3.1 to 3.10).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vault.domain.base64url import decode_base64url
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.strict_json import read_object

#: Maximum characters of a token; one with 200 groups has about 10,000.
MAX_TOKEN: Final = 64 * 1024
_MAX_HEADER: Final = 4 * 1024
#: Maximum bytes and keys of a key set.
MAX_KEY_SET: Final = 256 * 1024
_MAX_KEYS: Final = 100
#: Key type, and curve where the type has several, of each algorithm. ``EdDSA`` is the older name (RFC 9864).
_ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    **{f"{family}{bits}": ("RSA", None) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_KEY_CLASSES: Final[Mapping[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
#: Bits of an RSA modulus: fewer are not allowed (RFC 7518, section 3.3), more cost too much.
_RSA_BITS: Final = range(2048, 8192 + 1)
#: Maximum characters of an RSA exponent in base64url: 65537 has four.
_MAX_EXPONENT: Final = 6
_MAX_MODULUS: Final = 1366
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKey:
    """One public key of a provider."""

    kid: str | None
    #: Key type and, except for RSA, its curve.
    kind: tuple[str, str | None]
    #: The only algorithm that it may be used with; None for each that fits.
    algorithm: str | None
    key: RSAKey | ECKey | OKPKey

    def fits(self, algorithm: str) -> bool:
        """Tell whether the key verifies this algorithm."""
        same = {self.algorithm, algorithm} == {"EdDSA", "Ed25519"}
        return self.kind == _ALGORITHMS[algorithm] and (self.algorithm in {None, algorithm} or same)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedToken:
    """A token whose signature was verified; its claims are not checked yet."""

    #: The header's ``typ``, in lower case and without ``application/``; None if it has none.
    type: str | None
    algorithm: str
    claims: Mapping[str, Any]


def parse_key_set(data: bytes) -> Sequence[ProviderKey]:
    """Parse a JWK set. Keys for encryption and of unknown types are left out (RFC 7517, section 5).

    Raises SignInRefused, ``keys``.
    """
    try:
        entries = read_object(data, MAX_KEY_SET).get("keys")
    except ValueError:
        raise SignInRefused("keys") from None
    if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
        raise SignInRefused("keys")
    keys = [_key(entry) for entry in entries if isinstance(entry, dict)]
    return [key for key in keys if key is not None]


def open_token(token: str, keys: Sequence[ProviderKey]) -> OpenedToken:
    """Verify the token's signature and return its content. Raises SignInRefused."""
    if len(token) > MAX_TOKEN:
        raise SignInRefused("token_size")
    segments = token.split(".", 3)
    if len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):  # noqa: PLR2004 - RFC 7515, section 7.1
        raise SignInRefused("token_form")
    header = _content(segments[0], _MAX_HEADER)
    if "crit" in header or "b64" in header:
        raise SignInRefused("token_form")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise SignInRefused("algorithm")
    if not isinstance(kid, str | None):
        raise SignInRefused("key")
    if not isinstance(kind, str | None):
        raise SignInRefused("token_type")
    claims = _content(segments[1], MAX_TOKEN)
    try:
        _verify(token, algorithm, _one_key(keys, kid, algorithm).key)
    except (InvalidSignature, JoseError, ValueError, TypeError):
        raise SignInRefused("signature") from None
    short = None if kind is None else kind.lower().removeprefix("application/")
    return OpenedToken(type=short, algorithm=algorithm, claims=claims)


def _verify(token: str, algorithm: str, key: RSAKey | ECKey | OKPKey) -> None:
    """Verify the signature. Raises InvalidSignature, JoseError, ValueError, TypeError."""
    if isinstance(key.public_key, Ed25519PublicKey):
        # joserfc warns of the name EdDSA at each use, which most providers still send.
        signed, _, signature = token.rpartition(".")
        key.public_key.verify(decode_base64url(signature), signed.encode())
    else:
        jws.deserialize_compact(token, key, algorithms=[algorithm])


def _one_key(keys: Sequence[ProviderKey], kid: str | None, algorithm: str) -> ProviderKey:
    """Return the key that the header names. Without a name there must be exactly one that fits."""
    fitting = [key for key in keys if (kid is None or key.kid == kid) and key.fits(algorithm)]
    if len(fitting) != 1:
        raise SignInRefused("key")
    return fitting[0]


def knows(token: str, keys: Sequence[ProviderKey]) -> bool:
    """Tell whether the key that the token's header names is among ``keys``; True for a token without such a name."""
    head = token[: MAX_TOKEN + 1].partition(".")[0]
    try:
        kid = _content(head, _MAX_HEADER).get("kid")
    except SignInRefused:
        return True
    return not isinstance(kid, str) or any(key.kid == kid for key in keys)


def _content(segment: str, limit: int) -> dict[str, Any]:
    try:
        return read_object(decode_base64url(segment), limit)
    except ValueError:
        raise SignInRefused("token_form") from None


def _key(entry: Mapping[str, Any]) -> ProviderKey | None:
    kind, curve, kid, algorithm = (entry.get(name) for name in ("kty", "crv", "kid", "alg"))
    usable = entry.get("use") in {None, "sig"} and isinstance(kind, str) and kind in _KEY_CLASSES
    if not usable or not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    if kind == "RSA" and not _is_bounded(entry):
        return None
    public = {
        name: entry[name] for name in ("kty", "crv", "n", "e", "x", "y") if isinstance(entry.get(name), str)
    }
    try:
        key = _KEY_CLASSES[str(kind)].import_key(public)
        # The numbers are read here; an encoding that is no key fails now and not with the first token.
        size = getattr(key.public_key, "key_size", None)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if kind == "RSA" and size not in _RSA_BITS:
        return None
    return ProviderKey(
        kid=kid, kind=(str(kind), None if kind == "RSA" else str(curve)), algorithm=algorithm, key=key
    )


def _is_bounded(entry: Mapping[str, Any]) -> bool:
    modulus, exponent = entry.get("n"), entry.get("e")
    return (
        isinstance(modulus, str)
        and isinstance(exponent, str)
        and len(modulus) <= _MAX_MODULUS
        and len(exponent) <= _MAX_EXPONENT
    )
