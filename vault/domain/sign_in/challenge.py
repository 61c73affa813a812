"""The challenge of a passkey: good for five minutes, for one purpose, and in one browser or session.

It is a random number with its end, signed by the vault. So a page that nobody uses leaves no row; only the challenge of
an answer that is right is noted, and is then used up.
"""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from vault.domain.sign_in.refusals import SignInRefused

#: A sign-in; the first passkey of an invitation; another passkey of a session; a fresh verification in a session.
Purpose = Literal["sign_in", "invitation", "add", "verify"]
LIFE: Final = timedelta(minutes=5)
_NONCE, _END, _MAC = 16, 8, 32
#: Bytes of a challenge.
SIZE: Final = _NONCE + _END + _MAC


def new_challenge(key: bytes, purpose: Purpose, bound_to: str, now: datetime) -> bytes:
    """Return a challenge. ``bound_to``: what only this browser or session has, or its hash."""
    end = int((now + LIFE).timestamp())
    head = secrets.token_bytes(_NONCE) + end.to_bytes(_END)
    return head + _mac(key, head, purpose, bound_to)


def check_challenge(key: bytes, challenge: bytes, purpose: Purpose, bound_to: str, now: datetime) -> datetime:
    """Return when a challenge ends. Raises SignInRefused unless it was made for this and is not over."""
    head, mac = challenge[: _NONCE + _END], challenge[_NONCE + _END :]
    if len(challenge) != SIZE or not hmac.compare_digest(mac, _mac(key, head, purpose, bound_to)):
        raise SignInRefused("challenge")
    end = datetime.fromtimestamp(int.from_bytes(head[_NONCE:]), UTC)
    if end <= now:
        raise SignInRefused("challenge")
    return end


def digest_of(challenge: bytes) -> bytes:
    """Return the hash under which a challenge is noted once it is used."""
    return hashlib.sha256(b"callvault passkey challenge\x01" + challenge).digest()


def _mac(key: bytes, head: bytes, purpose: Purpose, bound_to: str) -> bytes:
    return hmac.digest(key, head + json.dumps([purpose, bound_to]).encode(), hashlib.sha256)
