"""Keys that a rotation carries over: the index key, and the keys of the details of access events.

What they made must stay as it is. Terms of the index are found by equality, and the log's leaves commit to
the sealed bytes of details. So a rotation wraps these keys anew, and leaves alone what lies under them.
Details that come later are sealed under a key of their own generation.
"""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.stored import encryption_context as bound
from vault.errors import NotFound, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.rotation import WrappedSecret
from vault.ports.words import SEALED_WORDS, Words
from vault.sealing.header import parse_header
from vault.sealing.keys import KEY_BYTES, NamedKey, detail_key
from vault.sealing.message import open_message, seal
from vault.sealing.wrapping import unwrap, wrap
from vault.services.shared.retry_on_rotation import retry_if_rotated

_MAX_CACHED: Final = 10_000
# The provider information is the key's name, then two lengths and the IV (sealing/FORMAT.md).
_AFTER_NAME: Final = 4 + 4 + 12


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDataKeys:
    """Shared by the verbs that search, and by those that write or read details of access events."""

    database: Database
    ring: KeyRing
    #: Wrapped keys by account and number, 0 for the index key. Wrapped anew, they are read anew.
    _wrapped: dict[tuple[str, int], WrappedSecret] = field(default_factory=dict)

    async def index_key(self, account_id: str) -> bytes:
        """Return the key under which an account's numbers and names are hashed. Raises NotFound."""
        context = bound.of_index_key(account_id)
        return await self._open(
            account_id,
            0,
            context,
            lambda: self.database.read(lambda tx: tx.accounts.wrapped_index_key(account_id)),
        )

    async def seal_detail(self, account_id: str, event_id: str, detail: Mapping[str, str]) -> bytes:
        """Seal what an access event says of people. Raises NotFound, Unavailable."""
        key = await retry_if_rotated(
            self.ring, account_id, lambda current: self._new_detail_key(account_id, current)
        )
        text = json.dumps({"v": 1, **detail}, separators=(",", ":")).encode()
        return seal(key, bound.of_event_detail(account_id, event_id), text)

    async def open_detail(self, event: AccessEvent) -> Mapping[str, str]:
        """Open what an access event says of people. Raises NotFound for a key that is gone, Tampered."""
        if event.sealed_detail is None or event.account_id is None:
            return {}
        key = await self._detail_key(event.account_id, sealed_under(event.sealed_detail))
        context = bound.of_event_detail(event.account_id, event.id)
        said: dict[str, str] = json.loads(open_message(key, event.sealed_detail, context=context))
        return {name: value for name, value in said.items() if name != "v"}

    async def seal_words(self, account_id: str, what: Words, words: str | None) -> str | None:
        """Seal words that a person typed, for a text column. Raises NotFound, Unavailable."""
        if words is None or words.startswith(SEALED_WORDS):
            return words
        key = await retry_if_rotated(
            self.ring, account_id, lambda current: self._new_detail_key(account_id, current)
        )
        message = seal(key, bound.of_words(account_id, what), words.encode())
        return SEALED_WORDS + base64.b64encode(message).decode()

    async def open_words(self, account_id: str, what: Words, kept: str | None) -> str | None:
        """Open what a text column holds; what an older release kept in clear is returned as it is.

        Raises NotFound for a key that is gone, Tampered.
        """
        if kept is None or not kept.startswith(SEALED_WORDS):
            return kept
        try:
            message = base64.b64decode(kept.removeprefix(SEALED_WORDS), validate=True)
        except ValueError as error:
            raise Tampered("Sealed words are no base64.") from error
        key = await self._detail_key(account_id, sealed_under(message))
        return open_message(key, message, context=bound.of_words(account_id, what)).decode()

    async def _new_detail_key(self, account_id: str, current: AccountKey) -> NamedKey:
        """Return the key for details that are sealed now: one for each version of the account's key."""
        number = current.version
        try:
            return await self._detail_key(account_id, number)
        except NotFound:
            secret = secrets.token_bytes(KEY_BYTES)
        wrapped = wrap(current.key, secret, bound.of_detail_key(account_id, number))

        def add(tx: Transaction) -> None:
            tx.lock_account(account_id)
            tx.rotations.add_detail_key(
                account_id, number, WrappedSecret(wrapped=wrapped, key_version=number)
            )

        await self.database.write(add)
        # Read again: another request may have been first.
        return await self._detail_key(account_id, number)

    async def _detail_key(self, account_id: str, number: int) -> NamedKey:
        secret = await self._open(
            account_id,
            number,
            bound.of_detail_key(account_id, number),
            lambda: self.database.read(lambda tx: tx.rotations.detail_key(account_id, number)),
        )
        return detail_key(account_id, number, secret)

    async def _open(
        self,
        account_id: str,
        number: int,
        context: bound.Context,
        read: Callable[[], Awaitable[WrappedSecret]],
    ) -> bytes:
        slot = (account_id, number)
        kept = self._wrapped.get(slot)
        if kept is not None:
            try:
                key = await self.ring.version(account_id, kept.key_version)
            except NotFound:
                kept = None  # That version is gone: by now another wraps it.
        if kept is None:
            kept = await read()
            key = await self.ring.version(account_id, kept.key_version)
            if len(self._wrapped) >= _MAX_CACHED:
                self._wrapped.clear()
            self._wrapped[slot] = kept
        return unwrap(key.key, kept.wrapped, context)


def sealed_under(message: bytes) -> int:
    """Return the number of the detail key that a message names. Raises Tampered for another kind of key."""
    name = parse_header(message).data_keys[0].info[:-_AFTER_NAME].decode("ascii", "replace")
    _, _, number = name.rpartition("/")
    if not name.startswith("details/") or not number.isdigit():
        raise Tampered("The message was not sealed under a key of details.")
    return int(number)
