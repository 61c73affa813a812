"""Random, prefixed, unguessable ids, and tokens of which only a hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

Prefix = Literal[
    "acct", "conn", "rec", "link", "sess", "evt", "key", "fact", "vault", "lease", "att", "obj", "told", "ntc", "tomb"
]  # fmt: skip

#: Bytes of randomness in an id: as many as in a UUID, all of them random.
ID_BYTES = 16
#: Bytes of randomness in a token or secret, which is what a bearer needs to guess.
TOKEN_BYTES = 32


def new_id(prefix: Prefix) -> str:
    """Return an id such as ``rec_3f0c...``: the prefix and 32 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(ID_BYTES)}"


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A bearer's secret, shown once. It has no repr."""

    text: str

    @classmethod
    def new(cls) -> "Token":
        """Draw 256 random bits."""
        return cls(secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def digest(self) -> bytes:
        """Return what the database keeps. Random 256 bits need no slow hash."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()

    def __repr__(self) -> str:
        """Show that it is a token, and nothing of it."""
        return "Token(...)"
