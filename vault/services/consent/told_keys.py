"""What a pressed key means: by the text that the party heard, or may have heard.

The notice that a call document hands out is named in the addresses that the platform requests after it. Until then the
notice may be retired, and the policy may name other keys: the evidence is of what the party was told. Not every
platform signs the query of an address, so a keyed hash binds the name to its connection and its call.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.notice import Notice
from vault.domain.page import PAGE

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldKeys:
    """The keys that a party may have been told."""

    #: The keys of the current policy.
    current: Keys
    #: What was handed out to the party; None where the address of the request does not prove it.
    handed: HandedNotice | None
    #: The notice that was handed out.
    notice: Notice | None
    #: The keys that the texts name which may have been played.
    meant: Sequence[Keys]
    #: Those of the policy since such a text was written, if it does not say its own: they refuse, too.
    earlier: Sequence[Keys] = ()

    def refuses(self, key: str | None) -> bool:
        """Return whether a key means no by what the party may have been told, or by the policy of now."""
        every = (self.current, *self.meant, *self.earlier)
        return key is not None and any(key in {keys.decline, keys.object} for keys in every)

    def objects(self, key: str | None) -> bool:
        """Return whether a key means an objection, too."""
        return key is not None and any(key == keys.object for keys in self.meant)

    def accepts(self, key: str | None) -> bool:
        """Return whether a key means yes. Only what the party was told makes it that."""
        return self.handed is not None and key == self.handed.keys.accept

    def keys_of(self, notice: Notice) -> Keys:
        """Return the keys that the text of a notice names, as far as is known."""
        return notice.keys or self.current


def read_told(tx: Transaction, account_id: str, handed: HandedNotice | None, *, pressed: bool) -> ToldKeys:
    """Return what a party may have been told. ``pressed``: whether a key was, so that more than the notice is read."""
    current = tx.policies.current(account_id).keys
    notice = None if handed is None else tx.notices.get(account_id, handed.notice_id)
    if not pressed:
        return ToldKeys(current=current, handed=handed, notice=notice, meant=())
    if handed is not None:
        texts, meant = ([] if notice is None else [notice]), [handed.keys]
    else:
        # Nobody knows what was played: it may be any notice.
        texts = list(tx.notices.of_account(account_id, "published"))
        meant = [current, *(one.keys for one in texts if one.keys is not None)]
    unsaid = [one.created_at for one in texts if one.keys is None]
    earlier = list(_since(tx, account_id, min(unsaid))) if unsaid else []
    return ToldKeys(current=current, handed=handed, notice=notice, meant=meant, earlier=earlier)


def _since(tx: Transaction, account_id: str, at: datetime) -> Iterator[Keys]:
    """Yield the keys of each version of the policy that was in force since a moment."""
    start = 0
    while page := tx.policies.history(account_id, start=start, limit=PAGE, newest_first=True):
        for policy in page:
            yield policy.keys
            if policy.changed_at is not None and policy.changed_at < at:
                return
        start += len(page)
    yield Keys()  # Before its first change.
