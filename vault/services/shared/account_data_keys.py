"""Keys that outlive a rotation: an account's index key and the detail keys of its access events.

Their output must not change: search terms are found by equality, and the log's leaves commit to the sealed
bytes of details. So a rotation rewraps these keys and does not re-encrypt data under them. Details written
after a rotation are sealed under a new detail key.
"""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from vault.database.interface import Database
from vault.database.stores.accounts.accounts import WrappedSecret
from vault.database.stores.accounts.clear_texts import SEALED_WORDS, Words
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.stored import encryption_context as bound
from vault.errors import NotFound, Tampered
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.header import parse_header
from vault.sealing.keys import KEY_BYTES, NamedKey, detail_key
from vault.sealing.message import open_message, seal
from vault.sealing.wrapping import unwrap, wrap
from vault.services.shared.retry_on_rotation import retry_if_rotated

#: Two of each of 10,000 accounts, as many as the key ring has by default, and those of a rotation.
_MAX_CACHED: Final = 40_000
# The provider information is the key's name, then two lengths and the IV (sealing/FORMAT.md).
_AFTER_NAME: Final = 4 + 4 + 12


def write_words(message: bytes) -> str:
    """Return the value of a text column with a sealed text."""
    return SEALED_WORDS + base64.b64encode(message).decode()


def read_words(kept: str) -> bytes:
    """Return the sealed text in the value of a text column. Raises Tampered."""
    try:
        return base64.b64decode(kept.removeprefix(SEALED_WORDS), validate=True)
    except ValueError as error:
        raise Tampered("A sealed text is not valid base64.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDataKeys:
    """Open the index key and the detail keys; seal and open event details and typed texts."""

    database: Database
    ring: KeyRing
    #: Cache of wrapped keys by account and number, 0 for the index key. A rewrapped key is read again.
    _wrapped: dict[tuple[str, int], WrappedSecret] = field(default_factory=dict)
    #: Unwrapped keys by the account key that the ring holds: they leave the memory when it does.
    _unwrapped: WeakKeyDictionary[AccountKey, dict[tuple[str, int], bytes]] = field(
        default_factory=WeakKeyDictionary
    )

    async def index_key(self, account_id: str) -> bytes:
        """Return the key that hashes an account's phone numbers and names. Raises NotFound."""
        context = bound.of_index_key(account_id)
        return await self._open(
            account_id,
            0,
            context,
            lambda: self.database.read(lambda tx: tx.accounts.wrapped_index_key(account_id)),
        )

    async def seal_detail(self, account_id: str, event_id: str, detail: Mapping[str, str]) -> bytes:
        """Seal the personal data of an access event. Raises NotFound, Unavailable."""
        key = await retry_if_rotated(
            self.ring, account_id, lambda current: self._new_detail_key(account_id, current)
        )
        text = json.dumps({"v": 1, **detail}, separators=(",", ":")).encode()
        return seal(key, bound.of_event_detail(account_id, event_id), text)

    async def open_detail(self, event: AccessEvent) -> Mapping[str, str]:
        """Open the personal data of an access event. Raises NotFound if the key is destroyed, Tampered."""
        if event.sealed_detail is None or event.account_id is None:
            return {}
        key = await self._detail_key(event.account_id, sealed_under(event.sealed_detail))
        context = bound.of_event_detail(event.account_id, event.id)
        fields: dict[str, str] = json.loads(open_message(key, event.sealed_detail, context=context))
        return {name: value for name, value in fields.items() if name != "v"}

    async def seal_words(self, account_id: str, what: Words, words: str | None) -> str | None:
        """Seal a text that a person typed, for a text column. Raises NotFound, Unavailable."""
        if words is None or words.startswith(SEALED_WORDS):
            return words
        key = await retry_if_rotated(
            self.ring, account_id, lambda current: self._new_detail_key(account_id, current)
        )
        return write_words(seal(key, bound.of_words(account_id, what), words.encode()))

    async def open_words(self, account_id: str, what: Words, kept: str | None) -> str | None:
        """Open the value of a text column; a clear text of an older release is returned unchanged.

        Raises NotFound if the key is destroyed, Tampered.
        """
        if kept is None or not kept.startswith(SEALED_WORDS):
            return kept
        message = read_words(kept)
        key = await self._detail_key(account_id, sealed_under(message))
        return open_message(key, message, context=bound.of_words(account_id, what)).decode()

    async def _new_detail_key(self, account_id: str, current: AccountKey) -> NamedKey:
        """Return the detail key of the current version of the account's key; create it if missing."""
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
        # Read it back: a concurrent request may have added its key first.
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
        cached = self._wrapped.get(slot)
        if cached is not None:
            try:
                key = await self.ring.version(account_id, cached.key_version)
            except NotFound:
                cached = None  # That version is destroyed, so a newer one wraps the key.
        if cached is None:
            cached = await read()
            key = await self.ring.version(account_id, cached.key_version)
            if len(self._wrapped) >= _MAX_CACHED:
                self._wrapped.clear()
            self._wrapped[slot] = cached
        opened = self._unwrapped.setdefault(key, {})
        secret = opened.get(slot)
        if secret is None:
            secret = opened[slot] = unwrap(key.key, cached.wrapped, context)
        return secret


def sealed_under(message: bytes) -> int:
    """Return the number of the detail key in a message's header. Raises Tampered for another kind of key."""
    name = parse_header(message).data_keys[0].info[:-_AFTER_NAME].decode("ascii", "replace")
    _, _, number = name.rpartition("/")
    if not name.startswith("details/") or not number.isdigit():
        raise Tampered("The message was not sealed under a detail key.")
    return int(number)
