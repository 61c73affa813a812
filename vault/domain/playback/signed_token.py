"""The token of a link that a customer's backend signs without asking the vault: a strict reader of one kind of JWT.

RFC 7515 compact form, RFC 7519 claims, Ed25519 (RFC 8037, named by RFC 9864) or ES256 (RFC 7518). Libraries accept more
than a link needs, and what they accept has been the hole: a second member of the same name, ``alg`` of the sender's
choice, times as floats or in milliseconds. Here everything that is not listed refuses.

The order is: length, parts, base64url, header, the form of the key's id; then the caller finds the key in memory and
checks the signature; only then are the claims read. No step needs I/O.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final, Literal, NoReturn, get_args
from urllib.parse import unquote

from vault.domain.base64url import decode_base64url
from vault.domain.playback.link import MAX_LIFETIME, MAX_SESSIONS, Kind
from vault.domain.strict_json import read_object

#: Longest token in characters. With every claim one has about 480.
MAX_TOKEN: Final = 1024
#: How far ahead the clock of the customer's backend may be.
MAX_AHEAD: Final = timedelta(seconds=60)
MAX_LISTENER: Final = 64
MAX_NETWORKS: Final = 8
_PARTS: Final = 3
_TYPE: Final = "vault-link+jwt"
_KEY_ID: Final = re.compile(r"lkey_[0-9a-f]{32}")
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_RECORDING: Final = re.compile(r"rec_[0-9a-f]{32}")
_REQUIRED: Final = frozenset({"aud", "iat", "exp", "jti"})
_CLAIMS: Final = _REQUIRED | {"sub", "ref", "lsn", "n", "knd", "net", "dl"}
#: In the place of the name of a claim that no token may have: never what the token holds.
UNKNOWN_CLAIM: Final = "unknown"
#: Greatest claimed time: the year 9999, the end of what a datetime holds.
_END_OF_TIME: Final = 253_402_300_799

#: Why a token is refused; the label ``reason`` of a metric. The listener is never told.
Reason = Literal[
    "malformed", "unknown_key", "algorithm", "signature", "claims", "audience", "clock", "lifetime", "expired",
    "recording", "limits", "cut", "reused", "used_up",
]  # fmt: skip


class BadToken(ValueError):
    """The token opens nothing. Says why by a code, never by what the token holds."""

    def __init__(self, reason: Reason, *, claim: str | None = None) -> None:
        """Refuse for this reason; ``claim``: the name of the claim that is wrong."""
        super().__init__(reason)
        self.reason: Reason = reason
        self.claim = claim


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """A token of the right form, whose signature is not checked yet."""

    key_id: str
    #: As the header names it; the registered key decides whether it may.
    algorithm: str
    #: The bytes that are signed: header, dot, payload.
    signed: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    #: SHA-256 of the whole token.
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The claims of a token with a valid signature."""

    key_id: str
    #: Unique for the key.
    jti: str = field(repr=False)
    #: The vault's id of the recording; None where the token names it by the platform's references.
    recording_id: str | None
    call_ref: str | None
    recording_ref: str | None
    minted_at: datetime
    expires_at: datetime
    #: A reference to the listener, no name: it can be read in the URL.
    listener: str | None
    #: Max number of sessions; None: as many as the key allows.
    sessions: int | None
    #: None: what the key allows, the player if it allows both.
    kind: Kind | None
    networks: tuple[str, ...]
    download: bool
    #: SHA-256 of the whole token.
    digest: bytes = field(repr=False)

    @property
    def link_id(self) -> str:
        """Return the id of the link that this permission becomes when it is first used: the same on every node."""
        return link_id_of(self.key_id, self.jti)


def link_id_of(key_id: str, jti: str) -> str:
    """Return the id of the link of a key's token by its ``jti``."""
    name = hashlib.sha256(f"callvault signed link\n{key_id}\n{jti}".encode()).hexdigest()
    return f"link_{name[:32]}"


def read_form(token: str) -> SignedText:
    """Read everything that needs no key. Raises BadToken."""
    if len(token) > MAX_TOKEN or not token.isascii():
        raise BadToken("malformed")
    parts = token.split(".", _PARTS)
    if len(parts) != _PARTS or not all(parts):
        raise BadToken("malformed")
    head, payload, signature = (_decoded(part) for part in parts)
    header = _members(head)
    if header.keys() - {"typ"} != {"alg", "kid"} or header.get("typ", _TYPE) != _TYPE:
        raise BadToken("malformed")
    key_id, algorithm = header["kid"], header["alg"]
    if not isinstance(key_id, str) or not isinstance(algorithm, str) or _KEY_ID.fullmatch(key_id) is None:
        raise BadToken("malformed")
    return SignedText(
        key_id=key_id,
        algorithm=algorithm,
        signed=token.rpartition(".")[0].encode(),
        payload=payload,
        signature=signature,
        digest=hashlib.sha256(token.encode()).digest(),
    )


def read_claims(text: SignedText, *, audiences: Collection[str], now: datetime) -> Permission:
    """Read the claims of a token whose signature is good, also of an expired one. Raises BadToken.

    ``audiences``: origins of this vault. A token for a test vault would otherwise open the real one.
    """
    claims = _members(text.payload)
    if not claims.keys() <= _CLAIMS:
        raise BadToken("claims", claim=UNKNOWN_CLAIM)
    for name in sorted(_REQUIRED - claims.keys()):
        raise BadToken("claims", claim=name)
    if claims["aud"] not in audiences:
        raise BadToken("audience", claim="aud")
    minted_at, expires_at = _read_lifetime(claims, now)
    recording_id, call_ref, recording_ref = _recording(claims)
    return Permission(
        key_id=text.key_id,
        jti=_text(claims, "jti", _JTI),
        recording_id=recording_id,
        call_ref=call_ref,
        recording_ref=recording_ref,
        minted_at=minted_at,
        expires_at=expires_at,
        listener=_listener(claims),
        sessions=_sessions(claims),
        kind=_kind(claims),
        networks=_networks(claims),
        download=_flag(claims),
        digest=text.digest,
    )


def _read_lifetime(claims: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Return when the token was minted and when it expires: whole seconds since 1970, exactly as RFC 7519 has them.

    Milliseconds, a well-known mistake, exceed the longest life.
    """
    minted, expires = claims["iat"], claims["exp"]
    # A bool is an int in Python, and floats and texts are accepted by libraries.
    if type(minted) is not int or type(expires) is not int:
        raise BadToken("claims", claim="exp" if type(minted) is int else "iat")
    if not 0 <= minted < expires or expires - minted > MAX_LIFETIME.total_seconds():
        raise BadToken("lifetime")
    if expires > _END_OF_TIME:
        raise BadToken("clock")
    minted_at, expires_at = datetime.fromtimestamp(minted, UTC), datetime.fromtimestamp(expires, UTC)
    if minted_at > now + MAX_AHEAD:
        raise BadToken("clock")
    return minted_at, expires_at


def _recording(claims: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Return the recording's id, or the platform's references of call and recording, percent-encoded around a slash."""
    if ("sub" in claims) == ("ref" in claims):
        raise BadToken("claims", claim="sub")
    if "sub" in claims:
        return _text(claims, "sub", _RECORDING), None, None
    ref = claims["ref"]
    if not isinstance(ref, str) or ref.count("/") != 1:
        raise BadToken("claims", claim="ref")
    try:
        call_ref, recording_ref = (unquote(part, errors="strict") for part in ref.split("/"))
    except UnicodeDecodeError:
        raise BadToken("claims", claim="ref") from None
    if not call_ref or not recording_ref or not _is_plain(call_ref + recording_ref):
        raise BadToken("claims", claim="ref")
    return None, call_ref, recording_ref


def _listener(claims: dict[str, Any]) -> str | None:
    if "lsn" not in claims:
        return None
    listener = claims["lsn"]
    if not isinstance(listener, str) or not 1 <= len(listener) <= MAX_LISTENER or not _is_plain(listener):
        raise BadToken("claims", claim="lsn")
    return listener


def _sessions(claims: dict[str, Any]) -> int | None:
    if "n" not in claims:
        return None
    sessions = claims["n"]
    if type(sessions) is not int or not 1 <= sessions <= MAX_SESSIONS:
        raise BadToken("claims", claim="n")
    return sessions


def _kind(claims: dict[str, Any]) -> Kind | None:
    if "knd" not in claims:
        return None
    for kind in get_args(Kind):
        if claims["knd"] == kind:
            return kind  # type: ignore[no-any-return]
    raise BadToken("claims", claim="knd")


def _networks(claims: dict[str, Any]) -> tuple[str, ...]:
    if "net" not in claims:
        return ()
    networks = claims["net"]
    if not isinstance(networks, list) or not 1 <= len(networks) <= MAX_NETWORKS:
        raise BadToken("claims", claim="net")
    # A number is an address to ``ip_network``.
    if not all(isinstance(network, str) for network in networks):
        raise BadToken("claims", claim="net")
    try:
        return tuple(str(ip_network(network)) for network in networks)
    except ValueError:
        raise BadToken("claims", claim="net") from None


def _flag(claims: dict[str, Any]) -> bool:
    download = claims.get("dl", False)
    if not isinstance(download, bool):
        raise BadToken("claims", claim="dl")
    return download


def _text(claims: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = claims[name]
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise BadToken("claims", claim=name)
    return value


def _is_plain(text: str) -> bool:
    """Return whether a text has no control characters and no half of a surrogate pair."""
    return text.isprintable()


def _decoded(part: str) -> bytes:
    try:
        return decode_base64url(part)
    except ValueError:
        raise BadToken("malformed") from None


def _members(data: bytes) -> dict[str, Any]:
    """Parse a JSON object in which no number is a float."""
    try:
        return read_object(data, MAX_TOKEN, parse_float=_no_float)
    except ValueError:
        raise BadToken("malformed") from None


def _no_float(_text: str) -> NoReturn:
    raise ValueError("A number is not an integer.")
