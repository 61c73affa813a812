"""Destroy what is left of accounts that moved to another vault, keys first, and sign that nothing is left."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.moves.move import Move, Phase
from vault.domain.stored.account_object_name import PREFIX as ACCOUNTS
from vault.domain.stored.closing_acts import KEPT_PREFIX
from vault.domain.stored.closing_acts import PREFIX as CLOSING
from vault.domain.stored.manifest import PREFIX as MANIFESTS
from vault.domain.stored.move_object import RECEIPTS
from vault.domain.stored.request_rows import PREFIX as REQUESTS
from vault.domain.stored.tombstone import PREFIX as TOMBSTONES
from vault.ports.objects import ObjectStore
from vault.services.moves.copy_objects import COPIED
from vault.services.moves.delete_objects import delete_objects
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.services.shared.move_objects import MoveObjects
from vault.structured_log import Log
from vault.tlog.destruction_receipt import DestructionReceipt, write_receipt
from vault.tlog.note import Signer, sign_note

_LOG = Log(__name__)
#: Where wrapped keys are: without them nothing else can be decrypted.
_KEYS: Final = (ACCOUNTS, MANIFESTS, CLOSING)
_REST: Final = (TOMBSTONES, KEPT_PREFIX, REQUESTS, *COPIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyRest:
    """Destroys the keys of accounts that left this vault some days ago, and deletes their objects.

    Every step is idempotent: after a crash the next run begins again. A store that keeps objects under a lock delays
    the end only for objects with keys; the slow scan of the sweep deletes the others after their locks.
    """

    database: Database
    objects: ObjectStore
    signer: Signer
    move_objects: MoveObjects

    def jobs(self) -> Sequence[Job]:
        """Return the search for accounts whose waiting time is over."""
        return [IntervalJob(name="moved_accounts", run=self, every=HOURLY, needs_objects=True)]

    async def __call__(self) -> int:
        """Return of how many accounts nothing is left any more. Raises Unavailable; the next run goes on."""

        def due(tx: Transaction) -> list[Move]:
            now = tx.now()
            return [
                one
                for one in tx.account_moves.in_phase(Phase.MOVED)
                if one.destroy_at and one.destroy_at <= now
            ]

        return sum([await self._destroy(move) for move in await self.database.read(due)])

    async def _destroy(self, move: Move) -> bool:
        if kept := await self._delete(_KEYS, move.account_id):
            _LOG.warning("move.keys_locked", account_id=move.account_id, count=kept)
            return False
        locked = await self._delete(_REST, move.account_id)
        # The rows were deleted when the account left; this overwrites what they left in other pages of the file.
        if not await self.database.scrub(moved=True):
            return False
        note = await self._receipt(move, locked)
        done = replace(move, phase=Phase.DESTROYED)

        def end(tx: Transaction) -> None:
            tx.account_moves.put(done)
            tx.events.append(
                AccessEvent(
                    type="account.keys_destroyed", at=tx.now(), account_id=move.account_id, actor="worker",
                    subject=move.account_id, evidence=hashlib.sha256(note).hexdigest(),
                )
            )  # fmt: skip

        await self.database.write(end)
        await self.move_objects.put(done)
        _LOG.info("move.keys_destroyed", account_id=move.account_id, count=locked)
        return True

    async def _receipt(self, move: Move, locked: int) -> bytes:
        receipt = DestructionReceipt(
            account_id=move.account_id,
            log=self.signer.name,
            statement=hashlib.sha256(move.statement or b"").hexdigest(),
            destroyed_at=await self.database.read(lambda tx: tx.now()),
            locked=locked,
        )
        note = sign_note(write_receipt(receipt), [self.signer])
        await self.objects.replace(f"{RECEIPTS}{move.account_id}", note)
        return note

    async def _delete(self, prefixes: Sequence[str], account_id: str) -> int:
        now = await self.database.read(lambda tx: tx.now())
        return await delete_objects(self.objects, prefixes, account_id, now=now)
