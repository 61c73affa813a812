"""Checks the claims of an ID token (OpenID Connect Core, section 3.1.3.7) and of a logout token.

One must never pass as the other, so the type in the header and the claim ``events`` are checked both ways
(OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6).

Other claims say who the person is: the values that are mapped to roles, and a name to show.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vault.domain.base64url import encode_base64url
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.signed_token import ProviderKey, open_token

#: What the clocks of provider and vault may differ.
SKEW: Final = timedelta(seconds=60)
#: The longest life of an ID token. Only this limit finds times in milliseconds, which are 50,000 years away.
MAX_LIFE: Final = timedelta(hours=24)
#: The longest life of a logout token; the specification recommends two minutes.
MAX_LOGOUT_LIFE: Final = timedelta(hours=1)
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
#: Types in the header of an ID token. Access tokens (RFC 9068) and logout tokens have their own.
_ID_TOKEN_TYPES: Final = frozenset({None, "jwt", "id_token+jwt"})
_LOGOUT_TYPES: Final = frozenset({None, "jwt", "logout+jwt"})
#: Maximum characters of a subject (Core, section 2), a session id and a token id.
_MAX_SUBJECT: Final = 255
#: Maximum values of the claim; a provider leaves out the whole claim above 200.
_MAX_VALUES: Final = 2000
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The required recipient and issuer of a token."""

    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IdToken:
    """An ID token that passed every check. It has no repr: its claims are personal data."""

    subject: str
    #: The provider's session, which a logout token may name.
    session: str | None
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogoutToken:
    """A logout token that passed every check except that of its replay."""

    id: str
    subject: str | None
    session: str | None
    ends_at: datetime


def check_id_token(
    token: str,
    keys: Sequence[ProviderKey],
    expected: Audience,
    *,
    nonce: str,
    access_token: str | None,
    now: datetime,
) -> IdToken:
    """Check an ID token. Raises SignInRefused."""
    opened = open_token(token, keys)
    claims = opened.claims
    if opened.type not in _ID_TOKEN_TYPES or "events" in claims:
        raise SignInRefused("token_type")
    _check_audience(claims, expected)
    _check_times(claims, MAX_LIFE, now)
    subject = _name(claims, "sub")
    if subject is None:
        raise SignInRefused("subject")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise SignInRefused("nonce")
    _check_access_token(claims, access_token, opened.algorithm)
    return IdToken(subject=subject, session=_name(claims, "sid"), claims=claims)


def verified_at(token: IdToken, acr_values: Sequence[str], now: datetime) -> datetime | None:
    """Return when the provider says that it asked the person (Core, section 2); None if it says nothing usable.

    With ``acr_values`` it must also say that it did so in one of these ways: it may take them as a wish only
    (section 5.5.1.1).
    """
    if acr_values and token.claims.get("acr") not in acr_values:
        return None
    said = token.claims.get("auth_time")
    latest = now.timestamp() + SKEW.total_seconds()
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= latest:
        return None
    return min(datetime.fromtimestamp(said, UTC), now)


def check_logout_token(
    token: str, keys: Sequence[ProviderKey], expected: Audience, *, now: datetime
) -> LogoutToken:
    """Check a logout token. Raises SignInRefused."""
    opened = open_token(token, keys)
    claims = opened.claims
    events = claims.get("events")
    if opened.type not in _LOGOUT_TYPES:
        raise SignInRefused("token_type")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise SignInRefused("events")
    if "nonce" in claims:
        raise SignInRefused("nonce")
    _check_audience(claims, expected)
    ends_at = _check_times(claims, MAX_LOGOUT_LIFE, now)
    token_id, subject, session = (_name(claims, name) for name in ("jti", "sub", "sid"))
    if token_id is None:
        raise SignInRefused("replay")
    if subject is None and session is None:
        raise SignInRefused("subject")
    return LogoutToken(id=token_id, subject=subject, session=session, ends_at=ends_at + SKEW)


def _check_audience(claims: Mapping[str, Any], expected: Audience) -> None:
    if claims.get("iss") != expected.issuer:
        raise SignInRefused("issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise SignInRefused("audience")
    party = claims.get("azp")
    if party != expected.client_id and (party is not None or len(audiences) > 1):
        raise SignInRefused("audience")


def _check_times(claims: Mapping[str, Any], longest: timedelta, now: datetime) -> datetime:
    """Return when the token ends."""
    issued, ends = _seconds(claims, "iat"), _seconds(claims, "exp")
    not_before = _seconds(claims, "nbf") if "nbf" in claims else issued
    current, skew, life = now.timestamp(), SKEW.total_seconds(), longest.total_seconds()
    in_time = (
        issued <= current + skew
        and not_before <= current + skew
        and ends > current - skew
        and ends - current <= life + skew
        and 0 <= ends - issued <= life
    )
    if not in_time:
        raise SignInRefused("times")
    return datetime.fromtimestamp(ends, UTC)


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInRefused("times")
    try:
        seconds = float(value)
    except OverflowError:
        raise SignInRefused("times") from None
    if not math.isfinite(seconds):
        raise SignInRefused("times")
    return seconds


def _name(claims: Mapping[str, Any], name: str) -> str | None:
    """Return a short text; None if it is missing. Raises SignInRefused for a value that is not a short text."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_SUBJECT or not value.isprintable():
        raise SignInRefused("subject")
    return value


def _check_access_token(claims: Mapping[str, Any], access_token: str | None, algorithm: str) -> None:
    """Check ``at_hash``, which binds the access token to the ID token (Core, section 3.1.3.6)."""
    said = claims.get("at_hash")
    if said is None:
        return
    if not isinstance(said, str) or access_token is None:
        raise SignInRefused("access_token_hash")
    # The hash of the signature's algorithm; Ed25519 has SHA-512 inside.
    bits = algorithm[-3:] if algorithm[-3:].isdigit() else "512"
    digest = hashlib.new(f"sha{bits}", access_token.encode()).digest()
    half = encode_base64url(digest[: len(digest) // 2])
    if not hmac.compare_digest(half.encode(), said.encode()):
        raise SignInRefused("access_token_hash")


def has_claim(claims: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Tell whether the claim is there, or a pointer to it, so that no other source needs to be asked."""
    return _at(claims, path) is not None or _is_overage(claims, path)


def values_at(claims: Mapping[str, Any], path: Sequence[str]) -> frozenset[str]:
    """Return the values of the claim at ``path``: a text or a list of texts; nothing if it is missing.

    Raises SignInRefused, ``too_many_groups``, if the provider left it out because it is too long: then nothing may be
    concluded from its absence.
    """
    value = _at(claims, path)
    if value is None and _is_overage(claims, path):
        raise SignInRefused("too_many_groups")
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        if len(value) > _MAX_VALUES:
            raise SignInRefused("too_many_groups")
        return frozenset(one for one in value if isinstance(one, str))
    return frozenset()


def display_name(claims: Mapping[str, Any], subject: str) -> str:
    """Return a name to show beside the id; the subject if the provider says none."""
    for name in ("name", "preferred_username", "email"):
        value = claims.get(name)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:_MAX_NAME]
    return subject[:_MAX_NAME]


def _at(claims: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict | Mapping) else None
    return value


def _is_overage(claims: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Tell whether the provider sent a pointer in place of the claim (Core, section 5.6.2; Entra: ``hasgroups``)."""
    elsewhere = claims.get("_claim_names")
    pointed = isinstance(elsewhere, dict) and path[0] in elsewhere
    return pointed or (list(path) == ["groups"] and claims.get("hasgroups") in (True, "true"))
