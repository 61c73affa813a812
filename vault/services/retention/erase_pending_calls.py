"""Erase the facts of calls that persons asked to erase, once no hold covers the call and no recording of it is left."""

from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import PendingCall
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE
from vault.errors import NotFound, Tampered, Unavailable
from vault.services.admission.call_opener import CallOpener
from vault.services.lifecycle.erase_call import forget_facts
from vault.services.lifecycle.guards import holds_on_call
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePendingCalls:
    """Carry out erasures of calls that waited."""

    database: Database
    call_opener: CallOpener

    async def __call__(self) -> None:
        """Erase what nothing keeps any more. An account whose key or hold cannot be used does not stop the others."""
        after = ("", "")
        while batch := await self.database.read(
            lambda tx, after=after: tx.pending_calls.page(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            after = (batch[-1].account_id, batch[-1].call_ref)
            for pending in batch:
                try:
                    await self._erase(pending)
                except (NotFound, Tampered, Unavailable):
                    _LOG.warning("retention.call_put_off", account_id=pending.account_id)

    async def _erase(self, pending: PendingCall) -> None:
        if await self.database.read(lambda tx: _is_kept(tx, pending)):
            return
        forgettable = await self.call_opener.forgettable_answers(pending.account_id, pending.call_ref)

        def erase(tx: Transaction) -> None:
            tx.lock_account_and_call(pending.account_id, pending.call_ref)
            if _is_kept(tx, pending):
                return
            if tx.call_facts.of_call(pending.account_id, pending.call_ref):
                forget_facts(tx, pending.account_id, pending.call_ref, actor="worker", at=tx.now())
                tx.consents.forget(pending.account_id, forgettable)
            tx.pending_calls.remove(pending.account_id, pending.call_ref)

        await self.database.write(erase)


def _is_kept(tx: Transaction, pending: PendingCall) -> bool:
    """Return whether a hold covers the call, or a recording of it is left."""
    recordings = tx.recordings.of_call(pending.account_id, pending.call_ref)
    if any(one.state not in GONE for one in recordings):
        return True
    return bool(holds_on_call(tx, pending.account_id, pending.call_ref))
