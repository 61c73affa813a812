"""Carry out the closure of an account: switch recording off, revoke links, export, then erase all that may be erased.

What a hold or a legal minimum keeps is erased when nothing stops that any more; the closure ends after that. A class
whose period begins with the end of the account is kept for that period.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.stores.closures import LeftRecording
from vault.database.stores.links import LinkFilter
from vault.database.stores.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE
from vault.domain.requests.request import Request, RequestState, Ruling, Verdict
from vault.domain.retention.period import end_of, parse_zone
from vault.errors import Refused, Tampered
from vault.ports.keys import AccountKey
from vault.services.lifecycle.erase_call import erase_recordings, forbid_held, forget_facts
from vault.services.lifecycle.set_switch import set_switch
from vault.services.requests.export_account import ExportAccount
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.sealed_requests import (
    SealedRequests,
    append_event,
    personal_of,
    ruling_of,
    sealed_row,
)
from vault.services.shared.begin_rotation import BeginRotation
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.services.shared.revoke_links import revoke_links

#: Recordings, and calls, per read.
_BATCH_SIZE: Final = 200
#: Closures begun in one step.
_BEGUN_AT_ONCE: Final = 5
_WORKER: Final = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAccount:
    """Begin closures whose waiting time is over, and go on with those that have begun."""

    database: Database
    sealed: SealedRequests
    export: ExportAccount
    begin_rotation: BeginRotation
    receipts: MakeReceipt

    async def begin_due(self) -> int:
        """Begin closures whose waiting time is over; return how many."""
        rows = await self.database.read(lambda tx: tx.closures.due(checked_now(tx), limit=_BEGUN_AT_ONCE))
        for row in rows:
            await self._begin(row)
        return len(rows)

    async def _begin(self, row: RequestRow) -> None:
        known = await self.sealed.open(row)
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
                revoke_links(tx, known.account_id, LinkFilter(), at=now, actor=by)
                append_event(tx, begun, "account.closed", actor=by, at=now)

            await self.database.write(write)

        await retry_if_rotated(self.sealed.ring, known.account_id, work)

    async def __call__(self, request: Request) -> bool:
        """Do the next part of a closure that has begun; return whether anything was done."""
        # Nothing is erased before the export is there, also if a restore has lost it.
        if await self.export(request):
            return True
        erased, left = await self._erase_all(request)
        calls = await self._forget_calls(request)
        if erased or calls:
            # If a reader holds the write-ahead log now, a later checkpoint overwrites the deleted rows.
            await self.database.scrub()
            return True
        kept = await self.database.read(
            lambda tx: tx.closures.calls_without_recordings(request.account_id, limit=1)
        )
        return not (left or kept) and await self._end(request)

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
        own_key = (await ring.version(account_id, before)).own_key
        await self.begin_rotation(
            account_id,
            before,
            own_key,
            actor=_WORKER,
            also=lambda tx: tx.month_keys.delete_unused(account_id),
        )
        return True

    async def _erase_all(self, request: Request) -> tuple[int, int]:
        """Erase what may be erased now; return how many recordings were, and how many are not gone yet."""
        erased = left = 0
        after: tuple[datetime, str] | None = None
        while True:
            page = await self.database.read(
                lambda tx, after=after: tx.closures.left(request.account_id, after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
            )
            for one in page:
                left += 1
                erased += one.state not in GONE and await self._erase(request, one)
            if len(page) < _BATCH_SIZE:
                return erased, left
            after = (page[-1].received_at, page[-1].id)

    async def _erase(self, request: Request, one: LeftRecording) -> bool:
        """Erase a recording and, with the last one of a call, its facts; False if it must be kept for now."""
        account_id, ruling = request.account_id, ruling_of(request)

        def erase(tx: Transaction) -> bool:
            tx.lock_account(account_id)
            tx.lock_call(account_id, one.call_ref)
            recording = tx.recordings.get(account_id, one.id)
            if recording is None or _is_kept_after(tx, account_id, one.id, ruling.at):
                return False
            if not erase_recordings(
                tx, account_id, [recording], actor=ruling.by, at=tx.now(), wish="request"
            ):
                return False
            tx.sources.request_deletion(one.id)
            if all(other.state in GONE for other in tx.recordings.of_call(account_id, one.call_ref)):
                forget_facts(tx, account_id, one.call_ref, actor=ruling.by, at=tx.now())
            return True

        try:
            return await self.database.write(erase)
        except Refused:
            return False

    async def _forget_calls(self, request: Request) -> int:
        """Delete the facts of calls without recordings, unless a hold covers them; return how many."""
        refs = await self.database.read(
            lambda tx: tx.closures.calls_without_recordings(request.account_id, limit=_BATCH_SIZE)
        )
        return sum([await self._forget(request, ref) for ref in refs])

    async def _forget(self, request: Request, call_ref: str) -> bool:
        account_id, ruling = request.account_id, ruling_of(request)

        def forget(tx: Transaction) -> bool:
            tx.lock_account(account_id)
            tx.lock_call(account_id, call_ref)
            recordings = tx.recordings.of_call(account_id, call_ref)
            if any(one.state not in GONE for one in recordings):
                return False
            forbid_held(tx, account_id, call_ref, tx.call_facts.of_call(account_id, call_ref), recordings)
            forget_facts(tx, account_id, call_ref, actor=ruling.by, at=tx.now())
            return True

        try:
            return await self.database.write(forget)
        except Refused:
            return False


def _is_kept_after(tx: Transaction, account_id: str, recording_id: str, closed_at: datetime) -> bool:
    """Return whether a class keeps a recording for a period that begins with the end of the account."""
    try:
        policy = tx.retention.policies(account_id, tx.now()).current
    except Tampered:
        return True  # A policy that cannot be read erases nothing.
    after = {kept.name: kept.period for kept in policy.classes if kept.starts == "account_closed"}
    marks = tx.retention.marks(recording_id) if after else None
    period = None if marks is None else after.get(marks.retention_class or "")
    return period is not None and checked_now(tx) < end_of(
        period, closed_at, parse_zone(policy.time_zone), "last"
    )
