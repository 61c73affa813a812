"""Random ids with a prefix, and tokens of which only a hash is stored."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

Prefix = Literal[
    "acct", "conn", "rec", "link", "sess", "evt", "key", "fact", "vault", "lease", "att", "obj", "told", "ntc", "tomb",
    "hold", "appr", "req", "reg", "cons", "lkey", "cut", "srch", "note",
    "idp", "role", "per", "pkey", "inv", "ptok", "pusr", "pgrp", "http", "ep", "dlv", "int", "hnd", "prp", "pse",
]  # fmt: skip

#: Random bytes in an id; a UUID has the same length.
ID_BYTES = 16
#: Random bytes in a token or secret.
TOKEN_BYTES = 32


def new_id(prefix: Prefix) -> str:
    """Return an id such as ``rec_3f0c...``: the prefix and 32 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(ID_BYTES)}"


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A bearer token, shown once. Its repr does not contain it."""

    text: str

    @classmethod
    def new(cls) -> "Token":
        """Generate a token of 256 random bits."""
        return cls(secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def digest(self) -> bytes:
        """Return the SHA-256, which the database stores. 256 random bits need no slow hash."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()

    def __repr__(self) -> str:
        """Return a placeholder without the secret."""
        return "Token(...)"
