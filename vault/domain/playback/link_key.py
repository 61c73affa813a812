"""Public keys of customers that sign links, their limits, and cuts: what was minted before a time no longer opens.

Only public keys: with a shared secret the vault itself could have minted a link, and its log would prove nothing.
"""

import binascii
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from vault.domain.field_types import FromOne
from vault.domain.playback.link import Kind, Link
from vault.domain.playback.signed_token import MAX_AHEAD, BadToken, Permission
from vault.errors import Invalid
from vault.sentence import Sentence

Algorithm = Literal["Ed25519", "ES256"]
#: Names by which a token's header may call a key's algorithm. ``EdDSA`` is deprecated (RFC 9864) and in use.
NAMES: Final[dict[Algorithm, frozenset[str]]] = {
    "Ed25519": frozenset({"EdDSA", "Ed25519"}),
    "ES256": frozenset({"ES256"}),
}
#: Max keys of an account that are not deleted: the old and the new one during a change, for two systems.
MAX_KEYS: Final = 5
#: What a cut names: everything of the account, one key, recording or listener, or one token.
Target = Literal["account", "key", "recording", "listener", "jti"]
_PEM_HEAD: Final = "-----BEGIN PUBLIC KEY-----"
_SIGNATURE_BYTES: Final = 64
#: A network from which nobody comes: the address of "this host" (RFC 1122).
_NOBODY: Final = "0.0.0.0/32"
_HALF: Final = 32
# Ed25519 (RFC 8032): the prime of the field, and the y coordinates of the eight points of small order. Under such a key
# one signature is valid for many messages, or for all, and libraries do not refuse it.
_PRIME: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """A registered public key, and the widest link that it may sign."""

    #: The ``kid`` of its tokens: the same name registered again has another.
    id: str
    account_id: str
    name: str
    algorithm: Algorithm
    #: 32 bytes (RFC 8032), or the 65 bytes of the uncompressed point (SEC 1).
    public_key: bytes
    #: Longest life of a link, in seconds.
    max_life: FromOne
    #: Most sessions of a link, and how many it has if it names no number.
    max_sessions: FromOne
    kinds: tuple[Kind, ...]
    #: CIDR networks from which its links open; empty means any.
    networks: tuple[str, ...]
    download: bool
    #: From then on it signs nothing.
    not_after: datetime | None
    created_at: datetime
    created_by: str
    deleted_at: datetime | None = None


def narrower(key: LinkKey, other: LinkKey) -> LinkKey:
    """Return a key that may sign only what it may sign in both states: two histories changed its limits."""
    ends = [one.not_after for one in (key, other) if one.not_after is not None]
    return replace(
        key,
        max_life=min(key.max_life, other.max_life),
        max_sessions=min(key.max_sessions, other.max_sessions),
        kinds=tuple(kind for kind in key.kinds if kind in other.kinds),
        networks=_in_both(key.networks, other.networks),
        download=key.download and other.download,
        not_after=min(ends, default=None),
    )


def _in_both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the networks that are in both lists; an empty one means any. Of lists that share nothing: one address."""
    if not first or not second:
        return first or second
    networks = [[ip_network(one) for one in each] for each in (first, second)]
    shared = [
        str(small)
        for mine, others in (networks, networks[::-1])
        for small in mine
        if any(small.version == wide.version and small.subnet_of(wide) for wide in others)  # type: ignore[arg-type]
    ]
    return tuple(dict.fromkeys(shared)) or (_NOBODY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCut:
    """A cut: links minted before its time are refused."""

    id: str
    account_id: str
    target: Target
    #: The id of the key or the recording, the ``jti``, or the keyed hash of the listener in hexadecimal; else empty.
    value: str
    minted_before: datetime
    created_at: datetime
    created_by: str
    #: The listener, sealed; None for other targets.
    sealed_listener: str | None = field(default=None, repr=False)


def minted_until(now: datetime) -> datetime:
    """Return the time of a cut that names none: later than any ``iat`` that the vault takes now.

    The clock of who signs links may be ahead, and what was minted before must not look like after.
    """
    return now + MAX_AHEAD + timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKey:
    """A registered key, loaded. These values never change; the row of the key decides whether it still signs."""

    id: str
    account_id: str
    algorithm: Algorithm
    loaded: PublicKey = field(repr=False, compare=False)

    def check(self, algorithm: str, signed: bytes, signature: bytes) -> None:
        """Raise BadToken unless ``algorithm`` is a name of the key's own, and the signature is good.

        The name never chooses: a token cannot have itself checked by another algorithm.
        """
        if algorithm not in NAMES[self.algorithm]:
            raise BadToken("algorithm")
        if not verifies(self.loaded, signed, signature):
            raise BadToken("signature")


def checked_key(key: LinkKey) -> CheckedKey:
    """Load the public key of a row."""
    return CheckedKey(
        id=key.id,
        account_id=key.account_id,
        algorithm=key.algorithm,
        loaded=load_key(key.algorithm, key.public_key),
    )


def load_key(algorithm: Algorithm, raw: bytes) -> PublicKey:
    """Load a key that ``read_public_key`` has returned."""
    if algorithm == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(raw)
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


def verifies(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Return whether the signature is good. That of ES256 is r and s of 32 bytes each (RFC 7518, section 3.4)."""
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
            key.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def read_public_key(pem: str, algorithm: Algorithm) -> bytes:
    """Return the raw key of a PEM text (RFC 7468, SubjectPublicKeyInfo). Raises Invalid, which names the field.

    Refuses Ed25519 keys of small order and such whose y coordinate is not below the prime: their owner could
    leave a door open to everybody.
    """
    if not pem.lstrip().startswith(_PEM_HEAD):
        text = Sentence("public_key must be a PEM text that begins with %(begin)s", begin=_PEM_HEAD)
        raise Invalid(text, field="public_key")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm, UnicodeEncodeError, binascii.Error) as error:
        raise Invalid("public_key is not a public key in PEM form.", field="public_key") from error
    if algorithm == "ES256":
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise Invalid("public_key must be a key on P-256 for ES256.", field="public_key")
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if not isinstance(key, Ed25519PublicKey):
        raise Invalid("public_key must be an Ed25519 key for the algorithm Ed25519.", field="public_key")
    raw = key.public_bytes_raw()
    if is_weak(raw):
        raise Invalid(
            "public_key is weak: signatures under it can be made without its private key.", field="public_key"
        )
    return raw


def is_weak(raw: bytes) -> bool:
    """Return whether an encoded Ed25519 key is of small order, or not the one spelling of its point."""
    y = int.from_bytes(raw, "little") & ~_SIGN_BIT
    return y >= _PRIME or y in _SMALL_ORDER


def check_limits(permission: Permission, key: LinkKey, now: datetime) -> None:
    """Raise BadToken unless the permission is no wider than its key, and the key still signs."""
    if key.deleted_at is not None or (key.not_after is not None and key.not_after <= now):
        raise BadToken("unknown_key")
    if (permission.expires_at - permission.minted_at).total_seconds() > key.max_life:
        raise BadToken("lifetime")
    narrower = (
        (permission.sessions or 1) <= key.max_sessions
        and kind_of(permission, key) in key.kinds
        and (key.download or not permission.download)
        and _within(permission.networks, key.networks)
    )
    if not narrower or (kind_of(permission, key) == "media" and permission.download):
        raise BadToken("limits")


def kind_of(permission: Permission, key: LinkKey) -> Kind:
    """Return the kind of the link: as claimed, else the player, else what the key allows."""
    if permission.kind is not None:
        return permission.kind
    return "player" if "player" in key.kinds else key.kinds[0]


def link_of(permission: Permission, key: LinkKey, recording_id: str, *, listener_term: bytes) -> Link:
    """Return the link that the permission becomes, without its sealed listener."""
    kind = kind_of(permission, key)
    return Link(
        id=permission.link_id,
        account_id=key.account_id,
        recording_id=recording_id,
        kind=kind,
        created_by=key.id,
        created_at=permission.minted_at,
        expires_at=permission.expires_at,
        sessions=1 if kind == "media" else permission.sessions or key.max_sessions,
        networks=permission.networks or key.networks,
        download=permission.download,
        revoked_at=None,
        listener_term=listener_term,
        sealed_listener=b"",
        key_version=0,
    )


def _within(networks: tuple[str, ...], allowed: tuple[str, ...]) -> bool:
    """Return whether each network is part of an allowed one; without allowed ones, any is."""
    wide = [ip_network(network) for network in allowed]
    return not wide or all(any(_is_part(ip_network(one), outer) for outer in wide) for one in networks)


def _is_part(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def write_public_key(key: LinkKey) -> str:
    """Return the public key as PEM, to check a token of the access log."""
    loaded = load_key(key.algorithm, key.public_key)
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
