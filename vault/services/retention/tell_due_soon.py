"""Tell accounts 30 days before which recordings retention erases: an entry of the log for each recording and date.

Only accounts whose systems receive this event have such entries. A recording is told again if its date moves. One that
a hold keeps is told when the hold is released, or 30 days before it ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.due_soon import HELD
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.recordings.recording import Recording
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.services.lifecycle.guards import judge_now
from vault.services.retention.retention_clock import RetentionClock
from vault.services.shared.job import HOURLY, IntervalJob, Job

TYPE: Final[EventType] = "retention.due_soon"
#: How long before its date a recording is told.
NOTICE: Final = timedelta(days=30)
#: Recordings that one run tells an account at most: the next run goes on.
_MOST: Final = 10_000
_BATCH_SIZE: Final = 100
#: Clocks of nodes differ by less.
_MARGIN: Final = timedelta(days=1)
#: In the vault's metadata: until when runs have looked for holds that were released or ended.
_CHECKED: Final = "due_soon_holds_checked"
_BEGINNING: Final = datetime.fromtimestamp(0, UTC) + 2 * _MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class TellDueSoon:
    """Look at recordings that come into the time of their notice, each once."""

    database: Database
    clock: RetentionClock

    def jobs(self) -> Sequence[Job]:
        """Return the look."""
        return [IntervalJob(name="tell_due_soon", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> int:
        """Tell what is due soon; return how many recordings that were. Raises Unavailable."""
        checked = await self.clock.read()
        if checked is None:
            # A clock may be wrong by years: then nothing is erased either.
            return 0
        now, told = checked.now, 0
        wanting = set(await self.database.read(lambda tx: tx.event_feed.accounts_with(TYPE)))
        for account_id in await self.database.read(lambda tx: _freed(tx, now)):
            if account_id in wanting:
                await self._look_again(account_id, now + NOTICE)
        for account_id in sorted(wanting):
            told += await self._tell(account_id, now)
        await self.database.write(lambda tx: tx.metadata.replace({_CHECKED: write_rfc3339(now).encode()}))
        return told

    async def _look_again(self, account_id: str, until: datetime) -> None:
        while await self.database.write(
            lambda tx: tx.due_soon.look_again(account_id, until, limit=_BATCH_SIZE)
        ):
            pass

    async def _tell(self, account_id: str, now: datetime) -> int:
        after, told = None, 0
        while told < _MOST:
            page = await self.database.read(
                lambda tx, after=after: tx.due_soon.untold(  # type: ignore[misc]
                    account_id, now + NOTICE, after=after, limit=_BATCH_SIZE
                )
            )
            if page:
                told += await self.database.write(lambda tx, page=page: _look(tx, account_id, page, now))  # type: ignore[misc]
            if len(page) < _BATCH_SIZE:
                break
            after = page[-1][1], page[-1][0].id
        return told


def _freed(tx: Transaction, now: datetime) -> Sequence[str]:
    """Return the accounts with holds that stopped, since the last run, to keep something beyond the time of notice."""
    kept = tx.metadata.get(_CHECKED)
    since = (_BEGINNING if kept is None else parse_rfc3339(kept.decode())) - _MARGIN
    return tx.due_soon.freed(since, since + NOTICE, now + NOTICE)


def _look(tx: Transaction, account_id: str, page: Sequence[tuple[Recording, datetime]], now: datetime) -> int:
    """Tell those of a page that are erased by the end of the notice if nothing changes; return how many."""
    tx.lock_account(account_id)
    told = 0
    for recording, act_at in page:
        judgement = judge_now(tx, recording, "retention", now, ahead=NOTICE)
        if any(reason.code == "held" for reason in judgement.reasons):
            tx.due_soon.note(recording.id, act_at, HELD)
        elif judgement.outcome == "due":
            due = max(now, act_at, *_free_at(tx, recording, now))
            if tx.due_soon.note(recording.id, act_at, due) and judgement.at_end == "erase":
                _append(tx, recording, due, now)
                told += 1
    return told


def _free_at(tx: Transaction, recording: Recording, now: datetime) -> Sequence[datetime]:
    """Return when the holds end that still keep a recording."""
    return [hold.free_at for hold in tx.holds.covering(recording, now) if hold.free_at is not None]


def _append(tx: Transaction, recording: Recording, due: datetime, now: datetime) -> None:
    tx.events.append(
        AccessEvent(
            type=TYPE, at=now, account_id=recording.account_id, actor="worker", recording_id=recording.id,
            result=f"{due:%Y-%m-%d}",
        )
    )  # fmt: skip
