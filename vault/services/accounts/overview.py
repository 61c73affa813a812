"""The numbers of an account's overview, in one read: what is counted by day, and the rest bounded."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.accounts.overview import LIMIT, DaysLeft
from vault.database.stores.retention.retention_policies import RetentionRun
from vault.database.transaction import Transaction
from vault.domain.accounts.account import ConnectionActivity
from vault.domain.accounts.usage import UsageCount, day_number
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import Verb
from vault.domain.events.endpoint import KIND as EVENTS
from vault.domain.page import PAGE
from vault.ports.clock import Clock
from vault.services.shared.approval_pairs import acts_without_pair, approvable
from vault.services.shared.missing_recordings import calls_without_recording

#: Days of the chart, today included.
DAYS: Final = 14
#: A call that began before has ended, whether its platform said so or not.
_LONGEST_CALL: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers; but for what is counted by day, a count at the limit of the rows that are read means "or more"."""

    #: What is counted of the last days (days since 1970 in UTC).
    counts: Sequence[UsageCount]
    quarantined: DaysLeft
    held: int
    #: The last run of the retention sweep, which counts what is still due; None before the first.
    retention_run: RetentionRun | None
    #: Erasures that a person asked for, and that a hold or a minimum stops.
    erasures_waiting: int
    #: Calls of the last days that ended and have no recording.
    without_recording: int
    queued: int
    #: Open requests of people.
    requests_due: DaysLeft
    #: Events of the whole vault that are not in the log's tree yet.
    log_waiting: int
    today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What needs somebody now."""

    quarantined: DaysLeft
    #: Recordings that failed in the last days.
    failed: int
    #: Open requests of people.
    requests_due: DaysLeft
    #: What waits for a second person, and the session's person can approve.
    approvals: Sequence[Approval]
    #: How much of what the person has the scopes for waits for somebody else's approval.
    approvals_of_others: int
    #: Endpoints for events that fail, and those of them that are switched off.
    failing: int
    switched_off: int
    #: Acts that the rule gates and that nobody of the account could approve.
    without_pair: Collection[Verb]
    #: Connections whose list at the platform could not be read since it was last compared.
    lists_failing: int
    #: Addresses of invited people whose mail nobody took.
    unmailed: int
    #: Hand-overs on which a person decides, bounded.
    handovers_held: int
    #: Integrations whose key their system refuses.
    integrations_refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Read the numbers of an account."""

    database: Database
    clock: Clock

    async def numbers(self, account_id: str) -> Numbers:
        """Return the numbers of the last days."""
        now = self.clock()
        today = day_number(now.date())

        def read(tx: Transaction) -> Numbers:
            rows = tx.overview
            return Numbers(
                counts=tx.usage.of_days(account_id, today - DAYS + 1, today),
                quarantined=rows.quarantined(account_id, now),
                held=rows.held(account_id),
                retention_run=tx.retention.run_of(account_id),
                erasures_waiting=rows.erasures_waiting(account_id),
                without_recording=len(calls_without_recording(tx, account_id, now)),
                queued=rows.queued(account_id),
                requests_due=rows.requests_due(account_id, now),
                log_waiting=tx.tree.waiting(),
                today=today,
            )

        return await self.database.read(read)

    async def in_quarantine(self, account_id: str) -> int:
        """Return how many recordings wait in quarantine; at the limit of the rows that are read, or more."""
        now = self.clock()
        counts = await self.database.read(lambda tx: tx.overview.quarantined(account_id, now))
        return sum(counts.values())

    async def running(self, account_id: str) -> int:
        """Return how many calls run now, as far as their platforms have said; at LIMIT, or more."""
        since = self.clock() - _LONGEST_CALL
        return await self.database.read(lambda tx: tx.overview.running(account_id, since))

    async def needs(self, account_id: str, *, kinds: Collection[Verb], actor: str) -> Needs:
        """Return what needs somebody; of approvals those of these ``kinds``, by whether ``actor`` can approve."""
        now = self.clock()
        today = day_number(now.date())

        def read(tx: Transaction) -> Needs:
            rows = tx.overview
            waiting: Sequence[Approval] = ()
            if kinds:
                pending = ApprovalState.PENDING
                waiting = tx.approvals.page(
                    account_id, state=pending, now=tx.now(), before=None, limit=PAGE, kinds=kinds
                )
            mine = approvable(tx, account_id, waiting, actor)
            failing, switched_off = tx.outbox_outcomes.failing(account_id, EVENTS)
            activities = tx.connections.activity(account_id).values()
            return Needs(
                quarantined=rows.quarantined(account_id, now),
                failed=sum(
                    one.number
                    for one in tx.usage.of_days(account_id, today - DAYS + 1, today)
                    if one.kind == "failed"
                ),
                requests_due=rows.requests_due(account_id, now),
                approvals=mine,
                approvals_of_others=len(waiting) - len(mine),
                failing=failing,
                switched_off=switched_off,
                unmailed=tx.member_invitations.unmailed(account_id, now),
                without_pair=acts_without_pair(tx, account_id, tx.approval_rules.get(account_id).gated),
                lists_failing=sum(_list_fails(one) for one in activities),
                handovers_held=tx.handovers.held(account_id, LIMIT),
                integrations_refused=sum(
                    one.unauthorized_since is not None and one.state != "ended"
                    for one in tx.integrations.of_account(account_id)
                ),
            )

        return await self.database.read(read)


def _list_fails(activity: ConnectionActivity) -> bool:
    error, done = activity.last_list_error_at, activity.reconciled_until
    return error is not None and (done is None or error > done)
