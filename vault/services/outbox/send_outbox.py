"""Send what waits in the outbox: many messages at the same time, few of one destination, none twice knowingly.

A step claims messages and begins to send them; it does not wait for them, so a receiver that hangs delays no other.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.outbox.claims import Claim
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Answer, Attempt, Outcome
from vault.errors import FetchFailed, LeaseLost, VaultError
from vault.ports.outside import Outside
from vault.services.outbox.end_attempt import end_attempt
from vault.services.outbox.kind import OutboxKind, Permission, PermissionTooOld
from vault.services.outbox.permit import Permitted, permit
from vault.services.shared.job import HOURLY, ClaimJob, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Messages that a process sends at the same time; of one account; to destinations whose last attempt failed.
PLACES: Final = 64
OF_ACCOUNT: Final = 16
FAILING: Final = 32
#: Messages in one claim, whose transaction others wait for on SQLite.
_BATCH_SIZE: Final = 16
#: How long a message is nobody else's: an attempt takes 10 seconds, and the rest is for the database.
LEASE: Final = timedelta(seconds=30)
#: Seconds from a permission until nothing is sent by it any more: a process that slept may have missed an erasure.
VALID: Final = 5.0
#: How long attempts are kept.
KEPT: Final = timedelta(days=30)
_OWN_FAILURE: Final = "The vault could not send it. It tries again."


@dataclass(slots=True)
class _Sending:
    """What this process sends at the moment."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    of_account: Counter[str] = field(default_factory=Counter)
    #: Tasks at a destination whose last attempt failed.
    failing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutbox:
    """Send messages, by the client that reaches no address inside the operator's network."""

    database: Database
    outside: Outside
    kinds: Mapping[str, OutboxKind]
    _sending: _Sending = field(default_factory=_Sending)

    def jobs(self) -> Sequence[Job]:
        """Return the work on messages that wait, and on attempts that are old."""
        return [
            ClaimJob(work=Work.OUTBOX, step=self, needs_objects=False, stop=self.stop),
            IntervalJob(name="forget_attempts", run=self.forget_attempts, every=HOURLY, needs_objects=False),
        ]

    async def __call__(self) -> bool:
        """Begin to send what is due and has a place; return whether there may be more."""
        sending = self._sending
        free = PLACES - len(sending.tasks)
        if free <= 0:
            # The end of each attempt wakes this job.
            return False
        wanted = Claim(
            number=min(free, _BATCH_SIZE),
            lease=LEASE,
            but=[account_id for account_id, number in sending.of_account.items() if number >= OF_ACCOUNT],
            only_healthy=sending.failing >= FAILING,
        )
        begun_at = monotonic()
        permitted = await self.database.write(lambda tx: permit(tx, wanted, self.kinds))
        for one in permitted:
            self._begin(one, begun_at)
        return bool(permitted)

    async def idle(self) -> None:
        """Wait until nothing is being sent."""
        while tasks := list(self._sending.tasks):
            await asyncio.wait(tasks)

    async def stop(self) -> None:
        """End what is being sent: it is due again immediately, for another node."""
        tasks = list(self._sending.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def forget_attempts(self) -> None:
        """Delete attempts that are older than 30 days."""
        while await self.database.write(lambda tx: tx.outbox.forget_attempts(tx.now() - KEPT)):
            pass

    def _begin(self, one: Permitted, begun_at: float) -> None:
        sending, account_id, is_failing = (
            self._sending,
            one.claimed.message.account_id,
            one.claimed.is_failing,
        )
        task = asyncio.create_task(self._send(one, begun_at))
        sending.tasks.add(task)
        sending.of_account[account_id] += 1
        sending.failing += is_failing

        def ended(task: asyncio.Task[None]) -> None:
            sending.tasks.discard(task)
            sending.failing -= is_failing
            sending.of_account[account_id] -= 1
            if not sending.of_account[account_id]:
                del sending.of_account[account_id]
            if not task.cancelled() and (error := task.exception()) is not None:
                # Its lease ends, and it is due again.
                _LOG.error("outbox.failed", error=type(error).__name__)

        task.add_done_callback(ended)

    async def _send(self, one: Permitted, begun_at: float) -> None:
        message, started = one.claimed.message, monotonic()
        try:
            attempt, is_own = await self._attempt(one, begun_at)
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(one))
            raise
        took = timedelta(seconds=monotonic() - started)

        def end(tx: Transaction) -> str:
            result = end_attempt(tx, one, attempt, took, is_own=is_own)
            # A place is free again, perhaps for another destination.
            tx.wake(Work.OUTBOX)
            return result

        try:
            result = await self.database.write(end)
        except LeaseLost:
            await one.kind.take_back(message)
            return
        if result == "failed":
            _LOG.warning("outbox.attempt_failed", account_id=message.account_id, reason=attempt.failure)
        metrics.OUTBOX.labels(message.kind, result).inc()
        one.kind.count(result)

    async def _attempt(self, one: Permitted, begun_at: float) -> tuple[Attempt, bool]:
        """Send a message once; return how it ended, and whether the vault itself could not send it."""
        message = one.claimed.message

        async def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if monotonic() - begun_at > VALID:
                raise PermissionTooOld
            return await self.outside.post(url, headers, body)

        try:
            permission = Permission(message=message, standing=one.standing, post=post)
            return await one.kind.send(permission), False
        except FetchFailed as error:
            outcome = Outcome.FAILED if error.final else Outcome.UNKNOWN
            is_own = isinstance(error, PermissionTooOld)
            return Attempt(outcome=outcome, failure=str(error)), is_own
        except VaultError as error:
            # What the vault itself cannot do at this time is not for the account to see.
            _LOG.warning("outbox.not_sent", account_id=message.account_id, reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the next attempt may succeed
            _LOG.error("outbox.failed", account_id=message.account_id, error=type(error).__name__, trace=True)
        return Attempt(outcome=Outcome.FAILED, failure=_OWN_FAILURE), True

    async def _put_back(self, one: Permitted) -> None:
        def put_back(tx: Transaction) -> None:
            tx.outbox_outcomes.put_back(one.claimed, tx.now(), counts=False)
            tx.outbox_outcomes.schedule(one.claimed.message.destination)

        try:
            await self.database.write(put_back)
        except VaultError:
            return  # Its lease ends.
