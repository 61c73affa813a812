"""The retention sweep: erase what is due, and what persons asked for and nothing stops any more.

The index of due recordings only nominates. Each recording is judged again under the locks, in a transaction of its own,
so a hold, a longer policy or a late fact that committed before keeps it.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.retention.holds import PendingErasure
from vault.database.stores.retention.retention_policies import Nominee, RetentionRun
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import Approval, time_to_approve
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.retention.judge import Wish
from vault.errors import LeaseLost, NotFound, Refused, Unavailable
from vault.rfc3339 import write_rfc3339
from vault.services.approvals.ask import ask_in
from vault.services.approvals.ask_erasure import ask_to_erase, waits_for_approval
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.guards import judge_now
from vault.services.retention.erase_pending_calls import ErasePendingCalls
from vault.services.retention.retention_clock import RetentionClock
from vault.services.shared.end_listening import restrict
from vault.services.shared.gather_all import gathered
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 200
#: Max erasures for one account in one run: so many, or half a percent of its available recordings.
_CAP, _CAP_PART = 200, 200
#: Recordings erased together: on SQLite they share a commit, and their closing acts are put side by side.
_CONCURRENCY: Final = 8
Step = Literal["erased", "reviewed", "held", "kept"]


@dataclass(slots=True, kw_only=True)
class SweepReport:
    """What one run did, by account."""

    erased: Counter[str] = field(default_factory=Counter)
    capped: set[str] = field(default_factory=set)
    #: Erasures that had waited.
    pending: int = 0
    paused: bool = False
    #: Whether it was the first run, which erases nothing.
    first: bool = False

    @property
    def totals(self) -> Mapping[str, int]:
        """Return the numbers of the run for an operator."""
        return {
            "erased": sum(self.erased.values()) + self.pending,
            "pending": self.pending,
            "capped": len(self.capped),
            "paused": self.paused,
            "first": self.first,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSweep:
    """Erase due recordings of all accounts, on one node at a time."""

    database: Database
    clock: RetentionClock
    erase_pending_calls: ErasePendingCalls

    def jobs(self) -> Sequence[Job]:
        """Return the sweep."""
        return [IntervalJob(name="retention_sweep", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> SweepReport:
        """Run once. Raises Unavailable; what was erased stays erased, and the next run goes on."""
        checked = await self.clock.read()
        if checked is None:
            return SweepReport(paused=True)
        report = SweepReport(first=checked.last_run is None)
        if checked.last_run is not None:
            # Holds that have ended since a run looked, with a margin for clocks that differ.
            await self._look_again(checked.holds_checked - timedelta(days=1), checked.now)
            await self._pending(checked.now, report)
            await self.erase_pending_calls()
            await self._due(checked.now, report)
        await self._count(checked.now, report)
        await self.clock.ran(checked.now)
        return report

    async def preview(self) -> Sequence[Mapping[str, object]]:
        """Return for each account how many recordings are due, when the sweep ran last, and why nothing is erased."""

        def read(tx: Transaction) -> list[Mapping[str, object]]:
            now = tx.now()
            runs, due = tx.retention.runs(), tx.retention.count_due(now)
            return [
                {
                    "account": account_id,
                    "due": due.get(account_id, 0),
                    "warning": tx.retention.warning(account_id, now),
                    "last_run": write_rfc3339(runs[account_id].ran_at) if account_id in runs else None,
                }
                for account_id in tx.accounts.ids()
            ]

        return await self.database.read(read)

    async def _look_again(self, first: datetime, last: datetime) -> None:
        for account_id in await self.database.read(lambda tx: tx.holds.ended_between(first, last)):
            while await self.database.write(
                lambda tx, account_id=account_id: tx.retention.look_again(account_id, limit=_BATCH_SIZE)  # type: ignore[misc]
            ):
                pass

    async def _pending(self, now: datetime, report: SweepReport) -> None:
        after = ""
        while batch := await self.database.read(
            lambda tx, after=after: tx.pending_erasures.page(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            after = batch[-1].recording_id
            for pending in batch:
                if await self.database.read(lambda tx, one=pending: waits_for_approval(tx, one)):  # type: ignore[misc]
                    await self.database.write(lambda tx, one=pending: ask_to_erase(tx, one))  # type: ignore[misc]
                report.pending += await self.database.write(partial(_erase_pending, pending, now))

    async def _due(self, now: datetime, report: SweepReport) -> None:
        caps, after = dict[str, int](), None
        while nominees := await self.database.read(
            lambda tx, after=after: tx.retention.due(now, after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            after, waiting = (nominees[-1].act_at, nominees[-1].id), deque(nominees)
            while waiting:
                chosen = await self._choose(waiting, caps, report)
                steps = await gathered([self.database.write(partial(_act, one, now)) for one in chosen])
                for nominee, step in zip(chosen, steps, strict=True):
                    if step == "erased":
                        report.erased[nominee.account_id] += 1
                        metrics.RETENTION_ERASED.inc()

    async def _choose(
        self, waiting: deque[Nominee], caps: dict[str, int], report: SweepReport
    ) -> Sequence[Nominee]:
        """Take the next recordings, so few of each account that it stays below its cap if all are erased."""
        chosen, taken = list[Nominee](), Counter[str]()
        while waiting and len(chosen) < _CONCURRENCY:
            account_id = waiting[0].account_id
            left = await self._left(account_id, caps, report)
            if left <= 0:
                report.capped.add(account_id)
                waiting.popleft()
            elif taken[account_id] < left:
                taken[account_id] += 1
                chosen.append(waiting.popleft())
            else:
                break
        return chosen

    async def _left(self, account_id: str, caps: dict[str, int], report: SweepReport) -> int:
        """Return how many more may be erased. An account is counted only where the least cap is used up."""
        erased = report.erased[account_id]
        if erased < _CAP:
            return _CAP - erased
        if account_id not in caps:
            caps[account_id] = await self.database.read(lambda tx: _cap(tx, account_id, erased))
        return caps[account_id] - erased

    async def _count(self, now: datetime, report: SweepReport) -> None:
        """Count what is still due: a sweep that erases nothing must not look like one with nothing to do."""
        due: Mapping[str, int] | None = None
        try:
            due = await self.database.read(lambda tx: tx.retention.count_due(now))
        except Unavailable:
            _LOG.warning("retention.not_counted")
        for account_id in await self.database.read(lambda tx: tx.retention.accounts()):
            # Unknown is not 0.
            residue = None if due is None else due.get(account_id, 0)
            await self.database.write(partial(_write_run, account_id, now, residue, report))


def _cap(tx: Transaction, account_id: str, erased: int) -> int:
    """Return the cap of a run that has erased some already."""
    run, now = tx.retention.run_of(account_id), tx.now()
    available = erased + tx.retention.count_available(account_id)
    if run is not None and run.uncapped_until is not None and now < run.uncapped_until:
        return available
    return max(_CAP, available // _CAP_PART)


def _act(nominee: Nominee, now: datetime, tx: Transaction) -> Step:
    """Judge one recording under the locks, and do what follows."""
    recording = _locked(tx, nominee.account_id, nominee.id, nominee.call_ref)
    if recording is None or recording.state is not State.AVAILABLE:
        tx.retention.never_due(nominee.id)
        return "kept"
    judgement = judge_now(tx, recording, "retention", now)
    if judgement.outcome == "due" and judgement.at_end == "review":
        _review(tx, recording, now)
        return "reviewed"
    if judgement.outcome == "due":
        return "erased" if _erase(tx, recording, "retention", now) else "kept"
    held = sum(reason.code == "held" for reason in judgement.reasons)
    if held:
        tx.retention.found_held(recording.id, held)
        return "held"
    return "kept"


def _erase_pending(pending: PendingErasure, now: datetime, tx: Transaction) -> bool:
    """Erase a recording whose erasure waits, if nothing stops it any more."""
    known = tx.recordings.get(pending.account_id, pending.recording_id)
    recording = None if known is None else _locked(tx, pending.account_id, known.id, known.call_ref)
    if recording is None or recording.state in GONE:
        tx.pending_erasures.remove(pending.recording_id)
        return False
    if waits_for_approval(tx, pending):
        return False
    if judge_now(tx, recording, pending.wish, now).outcome != "due":
        return False
    if not _erase(tx, recording, pending.wish, now):
        return False
    if pending.wish == "request" or tx.pending_calls.has(pending.account_id, recording.call_ref):
        # As where nothing stopped it; the first cause may have been a withdrawal.
        tx.provider_copies.request_deletion(recording.id)
    return True


def _erase(tx: Transaction, recording: Recording, wish: Wish, now: datetime) -> bool:
    try:
        lifecycle.erase(
            tx, recording.account_id, recording.id, actor="worker", at=now, result=wish, wish=wish,
            keep_packages=wish == "retention",
        )  # fmt: skip
    except (NotFound, LeaseLost, Refused):
        return False  # Another path was faster, or the guards see more than this one did.
    return True


def _review(tx: Transaction, recording: Recording, now: datetime) -> None:
    tx.retention.never_due(recording.id)
    tx.events.append(
        AccessEvent(
            type="retention.due",
            at=now,
            account_id=recording.account_id,
            actor="worker",
            recording_id=recording.id,
            result="review",
        )
    )
    restrict(tx, recording, at=now, actor="worker", cause="review")


def _locked(tx: Transaction, account_id: str, recording_id: str, call_ref: str) -> Recording | None:
    """Return a recording as it is under the account's and the call's lock."""
    tx.lock_account_and_call(account_id, call_ref)
    return tx.recordings.get(account_id, recording_id)


def _write_run(
    account_id: str, now: datetime, residue: int | None, report: SweepReport, tx: Transaction
) -> None:
    capped = account_id in report.capped
    if capped:
        # Before the run's row, as where the cap is lifted.
        tx.lock_account(account_id, exclusive=True)
    before, erased = tx.retention.run_of(account_id), report.erased[account_id]
    stalled = bool(residue) and not erased and not report.first
    outcome = "capped" if capped else "preview" if report.first else "stalled" if stalled else "done"
    uncapped = None if before is None else before.uncapped_until
    tx.retention.ran(
        account_id,
        RetentionRun(ran_at=now, erased=erased, residue=residue, outcome=outcome, uncapped_until=uncapped),
    )
    if capped:
        _LOG.warning("retention.capped", account_id=account_id)
        _ask_to_lift(tx, account_id, now)


def _ask_to_lift(tx: Transaction, account_id: str, now: datetime) -> None:
    """Ask for the approval that lifts the cap, unless the account has as many approvals as may wait."""
    asked = Approval(
        id=new_id("appr"), account_id=account_id, kind="retention_cap", subject="", asked_by="worker", asked_at=now,
        approve_by=now + time_to_approve("retention_cap"),
    )  # fmt: skip
    try:
        ask_in(tx, asked)
    except Refused:
        # The next run asks again; until then each erases its cap.
        _LOG.warning("retention.cap_not_asked", account_id=account_id)
