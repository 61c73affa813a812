"""Tell accounts that somebody got unusually many recordings in an hour: by a key that downloads, or by links.

The access log is what is counted, and only of accounts whose systems receive this event.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.unusual import LEARNING, hour_of, is_unusual
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.services.shared.paced import paced

TYPE: Final[EventType] = "access.unusual"
_BATCH_SIZE: Final = 500
#: In the vault's metadata: up to which entry the log was counted.
_THROUGH: Final = "access_counted"


@dataclass(slots=True)
class _Got:
    """What somebody got within an hour."""

    recordings: set[str] = field(default_factory=set)
    #: Of a listener, the link that was opened last.
    actor: str = ""


#: By the link or the key, and the hour.
_Counted = dict[tuple[str, int], _Got]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAccess:
    """Count what keys and listeners got since the last run, and compare it with their other hours."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the count."""
        return [IntervalJob(name="watch_access", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> int:
        """Count, and tell what is unusual; return how often that was. Raises Unavailable."""
        accounts = await self.database.read(lambda tx: tx.event_feed.accounts_with(TYPE))
        start, size = await self.database.read(_range)
        told = 0
        for account_id in accounts:
            counted = await self._count(account_id, start, size)
            told += await self.database.write(lambda tx, one=account_id, got=counted: _add(tx, one, got))  # type: ignore[misc]
        through = str(size).encode()
        await self.database.write(lambda tx: tx.metadata.replace({_THROUGH: through}))
        while await self.database.write(lambda tx: tx.access_hours.forget(tx.now())):
            pass
        return told

    async def _count(self, account_id: str, start: int, size: int) -> Mapping[tuple[str, int], _Got]:
        """Return what an account's log says of [start, size), by subject and hour."""
        counted: _Counted = defaultdict(_Got)
        while start < size:
            leaves = await self.database.read(
                lambda tx, start=start: tx.tree.leaves_of(account_id, start, size, limit=_BATCH_SIZE)  # type: ignore[misc]
            )
            async for leaf in paced(leaves):
                _take(counted, parse_event(leaf.leaf))
            if len(leaves) < _BATCH_SIZE:
                break
            start = leaves[-1].index + 1
        return await self._by_subject(counted)

    async def _by_subject(self, counted: _Counted) -> _Counted:
        """Replace links by their listeners: one may have a link for each recording."""
        found: dict[str, str] = {}
        for batch in batches(sorted({subject for subject, _ in counted}), _BATCH_SIZE):
            found |= await self.database.read(lambda tx, batch=batch: tx.access_hours.listeners(batch))  # type: ignore[misc]
        merged: _Counted = defaultdict(_Got)
        for (subject, hour), got in counted.items():
            into = merged[found.get(subject, subject), hour]
            into.recordings |= got.recordings
            into.actor = got.actor
        return merged


def _range(tx: Transaction) -> tuple[int, int]:
    """Return the part of the log that was not counted yet; in the first run, none."""
    size, kept = tx.tree.head().size, tx.metadata.get(_THROUGH)
    return size if kept is None else int(kept), size


def _take(counted: _Counted, event: AccessEvent) -> None:
    is_download = event.type == "download.grant" and event.session_id is None
    if event.recording_id is None or not (is_download or event.type == "playback.open"):
        return
    got = counted[event.actor, hour_of(event.at)]
    got.recordings.add(event.recording_id)
    got.actor = event.actor


def _add(tx: Transaction, account_id: str, counted: Mapping[tuple[str, int], _Got]) -> int:
    """Add what was counted; return how often somebody's hour is unusual."""
    now = tx.now()
    is_learning = not tx.access_hours.has_before(account_id, hour_of(now - LEARNING))
    told = 0
    for (subject, hour), got in counted.items():
        total = tx.access_hours.add(account_id, subject, hour, len(got.recordings))
        if is_learning or not is_unusual(total, tx.access_hours.most(account_id, subject, but=hour)):
            continue
        if tx.access_hours.tell(account_id, subject, hour):
            tx.events.append(
                AccessEvent(type=TYPE, at=now, account_id=account_id, actor=got.actor, result=str(total))
            )
            told += 1
    return told
