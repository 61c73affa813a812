"""Carry out the closure of an account: switch recording off, revoke links, export, then erase all that may be erased.

What a hold or a legal minimum keeps is erased when nothing stops that any more; the closure ends after that. A class
whose period begins with the end of the account is kept for that period.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.requests.decision import PROVIDING
from vault.domain.requests.request import Request, RequestState, Ruling, Verdict
from vault.ports.keys import AccountKey
from vault.services.lifecycle.set_switch import set_switch
from vault.services.requests.erase_account import EraseAccount
from vault.services.requests.export_account import ExportAccount
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.progress import Progress
from vault.services.requests.sealed_requests import (
    SealedRequests,
    append_event,
    personal_of,
    ruling_of,
    sealed_row,
)
from vault.services.shared.begin_rotation import begin_rotation
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.end_integration import end_integrations
from vault.services.shared.end_listening import Listening, end_listening
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.services.shared.revoke_links import delete_link_key

_WORKER: Final = "worker"
#: How long a closure waits for the packages of requests that were decided: some can never be made.
PACKAGES_WAIT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAccount:
    """Begin a closure whose waiting time is over, and go on with one that has begun."""

    database: Database
    sealed: SealedRequests
    export: ExportAccount
    erase: EraseAccount
    receipts: MakeReceipt

    async def __call__(self, request: Request) -> Progress:
        """Begin a closure, or do its next part."""
        if request.state is RequestState.REVIEW:
            await self._begin(request)
            return Progress.DONE
        # Nothing is erased before the export is there, also if a restore has lost it.
        if await self.export(request):
            return Progress.DONE
        if await self.database.read(lambda tx: _packages_come(tx, request)):
            return Progress.NONE
        progress = await self.erase(request)
        if progress is not Progress.NONE:
            return progress
        left, calls = await self.database.read(
            lambda tx: (
                tx.closures.left(request.account_id),
                tx.closures.calls_without_recordings(request.account_id, after="", limit=1),
            )
        )
        ended = not (left or calls) and await self._end(request)
        return Progress.DONE if ended else Progress.NONE

    async def _begin(self, known: Request) -> None:
        personal, now = personal_of(known), await self.database.read(lambda tx: tx.now())
        by = _WORKER if personal.verification is None else personal.verification.by
        ruling = Ruling(default=Verdict(code="erased"), at=now, by=by)
        begun = replace(
            known,
            state=RequestState.EXECUTING,
            revision=known.revision + 1,
            personal=replace(personal, ruling=ruling),
        )

        async def work(key: AccountKey) -> None:
            sealed = sealed_row(key, begun)

            def write(tx: Transaction) -> None:
                tx.lock_account(known.account_id, exclusive=True)
                tx.requests.change(sealed)
                set_switch(tx, known.account_id, enabled=False, reason=None, at=now, actor=by)
                end_listening(tx, known.account_id, Listening(), at=now, actor=by, reason="account_closed")
                while keys := tx.link_keys.of_account(known.account_id):
                    delete_link_key(tx, keys[0], at=now, actor=by)
                end_integrations(tx, known.account_id, actor=by)
                append_event(tx, begun, "account.closed", actor=by, at=now)

            await self.database.write(write)

        await retry_if_rotated(self.sealed.ring, known.account_id, work)

    async def _end(self, request: Request) -> bool:
        """Destroy the key version that everything was encrypted under, then close the closure; False if it must wait.

        Then no copy of the database from before opens anything that was erased. What stays, such as the receipt, is
        encrypted again under the next version.
        """
        account_id, ring = request.account_id, self.sealed.ring
        rotations, before = await self.database.read(
            lambda tx: (tx.rotations.of_account(account_id), tx.accounts.current_key_version(account_id))
        )
        if any(one.destroyed_at is None for one in rotations):
            return False
        own = [one for one in rotations if one.begun_by == _WORKER and one.begun_at >= ruling_of(request).at]
        if own:
            await self.receipts.close_account(request, [one.version for one in own])
            return True
        await self.erase.forget_answers(account_id)
        await self.database.write(lambda tx: tx.stored_answers.forget_account(account_id))
        own_key = (await ring.version(account_id, before)).own_key
        await begin_rotation(
            self.database,
            ring,
            account_id,
            before,
            own_key,
            actor=_WORKER,
            also=lambda tx: tx.month_keys.delete_unused(account_id),
        )
        return True


def _packages_come(tx: Transaction, closure: Request) -> bool:
    """Return whether a decided request of the account may still get its package: until then nothing is erased."""
    waits = checked_now(tx) < ruling_of(closure).at + PACKAGES_WAIT
    return waits and tx.requests.is_executing(closure.account_id, PROVIDING)
