"""The callback of an account: one URL that receives each change of a request. Its secret is shown once."""

import json
from dataclasses import dataclass
from datetime import datetime

from vault.database.account_parts.callback import StoredCallback
from vault.database.interface import Database
from vault.database.stores.requests.callbacks import DeliveryState
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.outbox.signature import new_secret
from vault.domain.requests.callback import Callback
from vault.errors import NotFound
from vault.ports.outside import Outside
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.check_receiver import check_receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackView:
    """A callback as its account sees it."""

    url: str
    set_at: datetime
    deliveries: DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Set, show and delete the callback of an account."""

    database: Database
    data_keys: AccountDataKeys
    #: That of the sender: what it never sends is refused when it is set.
    outside: Outside

    async def set(self, account_id: str, url: str, *, actor: str) -> Callback:
        """Set the callback, with a new secret: the former one is not used any more. Raises Invalid, Unavailable."""
        check_receiver(self.outside, url)
        secret = new_secret()
        words = json.dumps({"url": url, "secret": secret})
        sealed = await self.data_keys.seal_words(account_id, "request-callback", words)

        def put(tx: Transaction) -> None:
            tx.lock_account(account_id)
            tx.callbacks.set(account_id, StoredCallback(sealed=sealed or "", set_at=tx.now(), set_by=actor))
            tx.events.append(
                AccessEvent(type="callback.changed", at=tx.now(), account_id=account_id, actor=actor)
            )

        await self.database.write(put)
        return Callback(url=url, secret=secret)

    async def read(self, account_id: str) -> CallbackView:
        """Return the callback without its secret. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> tuple[StoredCallback, DeliveryState] | None:
            stored = tx.callbacks.get(account_id)
            return None if stored is None else (stored, tx.callbacks.deliveries(account_id))

        found = await self.database.read(read)
        if found is None:
            raise NotFound("This account has no callback.")
        callback = await open_callback(self.data_keys, account_id, found[0])
        return CallbackView(url=callback.url, set_at=found[0].set_at, deliveries=found[1])

    async def delete(self, account_id: str, *, actor: str) -> None:
        """Delete the callback, and the deliveries that are still due. Raises NotFound."""

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id)
            if not tx.callbacks.delete(account_id):
                raise NotFound("This account has no callback.")
            tx.events.append(
                AccessEvent(type="callback.deleted", at=tx.now(), account_id=account_id, actor=actor)
            )

        await self.database.write(delete)


async def open_callback(data_keys: AccountDataKeys, account_id: str, stored: StoredCallback) -> Callback:
    """Return an account's callback with its secret. Raises Tampered, Unavailable."""
    text = await data_keys.open_words(account_id, "request-callback", stored.sealed)
    fields = json.loads(text or "{}")
    return Callback(url=fields["url"], secret=fields["secret"])
