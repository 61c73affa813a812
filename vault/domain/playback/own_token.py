"""The token of a link that the vault itself makes: random, with a keyed hash that is checked before any look-up.

    v1.<32 random bytes, base64url>.<first 16 bytes of the HMAC-SHA256 of what is before, base64url>

The outer form, three parts with dots, is that of a signed token (``signed_token.py``). What a stranger makes up fails
the check, so it costs the database nothing. The random bytes protect the link even from one who has the key.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from vault.domain.base64url import encode_base64url
from vault.domain.ids import Token

#: First part of an own token. A JOSE header begins with the base64url of ``{``, so neither is taken for the other.
VERSION = "v1"
_TAG_BYTES = 16
_PURPOSE = b"callvault link tokens v1"
_OWN = re.compile(r"v1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{22})")
#: The token of a link that an earlier release made.
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, repr=False)
class TokenKey:
    """The vault's key for its own tokens. Its repr does not contain it."""

    secret: bytes

    @classmethod
    def derived_from(cls, secret: bytes) -> "TokenKey":
        """Derive the key from a secret that every node of the vault has and that never changes (RFC 5869, expand)."""
        return cls(hmac.digest(secret, _PURPOSE + b"\x01", hashlib.sha256))

    def new_token(self) -> Token:
        """Make a token."""
        head = f"{VERSION}.{Token.new().text}"
        return Token(f"{head}.{self._tag(head)}")

    def made(self, token: str) -> bool:
        """Return whether this vault made the token. Its work is bounded by the length of an own token."""
        if not has_own_form(token):
            return False
        head, _, tag = token.rpartition(".")
        return hmac.compare_digest(self._tag(head), tag)

    def tag(self, what: bytes) -> bytes:
        """Return the keyed hash of something else than a token, such as the id of a key; 32 bytes."""
        return hmac.digest(self.secret, b"\x00" + what, hashlib.sha256)

    def _tag(self, head: str) -> str:
        tag = hmac.digest(self.secret, head.encode("ascii"), hashlib.sha256)[:_TAG_BYTES]
        return encode_base64url(tag)

    def __repr__(self) -> str:
        """Return a placeholder without the key."""
        return "TokenKey(...)"


def has_own_form(token: str) -> bool:
    """Return whether the token has the form of those that vaults make."""
    return _OWN.fullmatch(token) is not None


def is_opaque(token: str) -> bool:
    """Return whether the token has the form of earlier releases, which only the database can check."""
    return _OPAQUE.fullmatch(token) is not None
