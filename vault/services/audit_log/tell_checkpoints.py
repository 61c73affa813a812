"""Tell accounts the signed head of the log, so that a system of theirs is a witness: nobody can rewrite what it has.

Only accounts whose systems receive this event have such entries, one an hour at most, and none while the log has grown
by nothing else: the entry that tells a checkpoint, and those of its delivery, are no reason for the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.audit_log.event_types.table import EventType
from vault.services.audit_log.checkpoints import shown
from vault.services.shared.job import HOURLY, IntervalJob, Job

TYPE: Final[EventType] = "log.checkpoint"
_NO_REASON: Final[frozenset[EventType]] = frozenset(
    {TYPE, "message.sent", "message.accepted", "message.superseded", "message.given_up"}
)
#: In the vault's metadata: the size of the last checkpoint that was told.
_TOLD: Final = "checkpoint_told"
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TellCheckpoints:
    """Append an entry with the newest checkpoint for each account that receives it."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the entries."""
        return [IntervalJob(name="tell_checkpoints", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> int:
        """Tell the newest checkpoint if the log has grown; return how many accounts. Raises Tampered, Unavailable."""
        accounts = await self.database.read(lambda tx: tx.event_feed.accounts_with(TYPE))
        last = await self.database.read(shown) if accounts else None
        if last is None or not await self._has_grown(last.size):
            return 0
        note = last.note.decode()
        for batch in batches(accounts, _BATCH_SIZE):
            await self.database.write(lambda tx, batch=batch: _append(tx, batch, note))  # type: ignore[misc]
        told = str(last.size).encode()
        await self.database.write(lambda tx: tx.metadata.replace({_TOLD: told}))
        return len(accounts)

    async def _has_grown(self, size: int) -> bool:
        """Return whether the log has an entry that is a reason, after the last checkpoint that was told."""
        kept = await self.database.read(lambda tx: tx.metadata.get(_TOLD))
        start = 0 if kept is None else int(kept)
        while start < size:
            end = min(size, start + _BATCH_SIZE)
            leaves = await self.database.read(lambda tx, start=start, end=end: tx.tree.leaves(start, end))  # type: ignore[misc]
            if any(parse_event(one.leaf).type not in _NO_REASON for one in leaves):
                return True
            start = end
        return False


def _append(tx: Transaction, account_ids: Sequence[str], note: str) -> None:
    now = tx.now()
    tx.events.append(
        *(AccessEvent(type=TYPE, at=now, account_id=one, actor="worker", result=note) for one in account_ids)
    )
