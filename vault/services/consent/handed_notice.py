"""The notice that a call document hands out, named in the addresses that the platform requests after it.

Until then the notice may be retired, and the policy may name other keys: the evidence is of what the party was told.
Not every platform signs the query of an address, so a keyed hash binds the name to its connection and its call.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from vault.domain.consent.consent_event import Keys

_TAG_BYTES: Final = 16
#: ``*``, ``#`` and no key, as letters that every address may contain.
_LETTERS: Final = {"*": "s", "#": "h", None: "n"}
_KEYS: Final = {letter: key for key, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedNotice:
    """A notice that was handed out for one call, and the keys that its text names."""

    notice_id: str
    keys: Keys

    def write(self, index_key: bytes, connection_id: str, call_ref: str) -> str:
        """Return it as a value of a query."""
        keys = (self.keys.accept, self.keys.decline, self.keys.object)
        content = f"{self.notice_id}.{''.join(_LETTERS.get(key, key or '') for key in keys)}"
        return f"{content}.{_tag(index_key, connection_id, call_ref, content)}"

    @classmethod
    def read(cls, written: str, index_key: bytes, connection_id: str, call_ref: str) -> "HandedNotice | None":
        """Return what the vault handed out for this call; None for anything else."""
        content, _, tag = written.rpartition(".")
        expected = _tag(index_key, connection_id, call_ref, content)
        if not hmac.compare_digest(expected.encode(), tag.encode("utf-8", "surrogatepass")):
            return None
        notice_id, _, letters = content.partition(".")
        accept, decline, by_objection = (_KEYS.get(letter, letter) for letter in letters)
        keys = Keys(accept=accept or "", decline=decline or "", object=by_objection)
        return cls(notice_id=notice_id, keys=keys)


def _tag(index_key: bytes, connection_id: str, call_ref: str, content: str) -> str:
    message = f"handed notice\0{connection_id}\0{call_ref}\0{content}"
    digest = hmac.digest(index_key, message.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return digest[:_TAG_BYTES].hex()
