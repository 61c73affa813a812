"""Send what waits in the outbox: many messages at the same time, few of one destination, none twice knowingly.

A step claims messages and begins to send them; it does not wait for them, so a receiver that hangs delays no other.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.signals import Signal, Work
from vault.database.stores.outbox.claims import Claim
from vault.database.transaction import Transaction
from vault.domain.outbox.message import Message, Turn
from vault.errors import VaultError
from vault.ports.mail import Mailer
from vault.ports.outside import Outside
from vault.services.outbox.end_turn import Ended, Result, end_turn
from vault.services.outbox.kind import AnyKind
from vault.services.outbox.permit import Permitted, permit
from vault.services.outbox.send_turn import LEASE, SentTurn
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.job import EACH_MINUTE, HOURLY, ClaimJob, IntervalJob, Job
from vault.services.shared.receiver_answers import seal_answer
from vault.structured_log import Log

_LOG = Log(__name__)
#: Messages that a process sends at the same time to receivers that answer, and to those that linger or fail.
PLACES: Final = 64
SLOW_PLACES: Final = 64
#: Of one account.
OF_ACCOUNT: Final = 16
#: All of them: a receiver that nobody knows to linger takes one of PLACES until it does.
_MOST: Final = 192
#: Seconds after which a turn lingers: its places are given to others, and do not count as theirs.
LINGERS: Final = 2.0
#: Places that one claim fills, whose transaction others wait for on SQLite.
_BATCH_SIZE: Final = 16
#: How long attempts are kept.
KEPT: Final = timedelta(days=30)
#: Destinations that a process remembers as slow, and as lingering: a claim names the second.
_MAX_SLOW: Final = 10_000
_MAX_LINGERING: Final = 2_000


@dataclass(slots=True)
class _Sending:
    """What this process sends at the moment."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    places: int = 0
    of_account: Counter[str] = field(default_factory=Counter)
    #: The places of turns that linger, by their tokens; those of known ones and of failing ones from their begin.
    lingering: dict[str, int] = field(default_factory=dict)
    #: What notes that a turn lingers, by its token.
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    #: Destinations whose last turn lingered.
    known_to_linger: dict[str, None] = field(default_factory=dict)
    #: Destinations whose receivers take too long for a turn of many messages.
    slow: set[str] = field(default_factory=set)
    #: Whether the last claim passed over what has no place.
    is_short: bool = False

    @property
    def slow_places(self) -> int:
        """Return the places of what lingers or fails."""
        return sum(self.lingering.values())

    @property
    def free(self) -> int:
        """Return how many messages may begin: receivers that linger keep nobody waiting who answers."""
        return min(PLACES - (self.places - self.slow_places), _MOST - self.places)

    def begin(self, turn: Turn) -> None:
        """Take the places of a turn."""
        self.places += turn.places
        self.of_account[turn.account_id] += turn.places
        if turn.is_failing or turn.destination in self.known_to_linger:
            self.lingering[turn.token] = turn.places

    def linger(self, turn: Turn) -> None:
        """Note that a turn lingers."""
        self.timers.pop(turn.token, None)
        self.lingering[turn.token] = turn.places
        self.known_to_linger[turn.destination] = None
        if len(self.known_to_linger) > _MAX_LINGERING:
            del self.known_to_linger[next(iter(self.known_to_linger))]

    def sent(self, turn: Turn) -> None:
        """Note that its receiver has answered, however long the database takes for it."""
        if (timer := self.timers.pop(turn.token, None)) is not None:
            timer.cancel()
            self.known_to_linger.pop(turn.destination, None)

    def end(self, turn: Turn) -> None:
        """Give them back."""
        self.places -= turn.places
        if (timer := self.timers.pop(turn.token, None)) is not None:
            timer.cancel()
        self.lingering.pop(turn.token, None)
        self.of_account[turn.account_id] -= turn.places
        if not self.of_account[turn.account_id]:
            del self.of_account[turn.account_id]

    def remember(self, turn: Turn, *, is_slow: bool) -> None:
        """Remember whether a destination is slow."""
        if not is_slow:
            self.slow.discard(turn.destination)
        elif len(self.slow) < _MAX_SLOW:
            self.slow.add(turn.destination)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutbox:
    """Send messages, by the client that reaches no address inside the operator's network, and by the mail server."""

    database: Database
    outside: Outside
    mailer: Mailer
    kinds: Mapping[str, AnyKind]
    data_keys: AccountDataKeys
    _sending: _Sending = field(default_factory=_Sending)

    def jobs(self) -> Sequence[Job]:
        """Return the work on messages that wait, and on attempts that are old."""
        return [
            ClaimJob(work=Work.OUTBOX, step=self, needs_objects=False, stop=self.stop),
            IntervalJob(
                name="empty_destinations", run=self.empty_destinations, every=EACH_MINUTE, needs_objects=False
            ),
            IntervalJob(name="forget_attempts", run=self.forget_attempts, every=HOURLY, needs_objects=False),
        ]

    async def __call__(self) -> bool:
        """Begin to send what is due and has a place; return whether there may be more."""
        sending = self._sending
        free = sending.free
        if free <= 0:
            # The end of each turn wakes this job.
            sending.is_short = True
            return False
        wanted = Claim(
            places=min(free, _BATCH_SIZE),
            lease=LEASE,
            but=[account_id for account_id, number in sending.of_account.items() if number >= OF_ACCOUNT],
            only_quick=sending.slow_places >= SLOW_PLACES,
            lingering=list(sending.known_to_linger),
            slow=frozenset(sending.slow),
        )
        sending.is_short = bool(wanted.but) or wanted.only_quick
        begun_at = monotonic()
        permitted = await self.database.write(lambda tx: permit(tx, wanted, self.kinds))
        for one in permitted:
            self._begin(one, begun_at)
        # What else is due wakes this job.
        return sum(one.turn.places for one in permitted) >= wanted.places

    @property
    def is_sending(self) -> bool:
        """Return whether anything is on its way."""
        return bool(self._sending.tasks)

    async def wait_for_one(self) -> None:
        """Wait until a turn has ended, if one is on its way."""
        if tasks := set(self._sending.tasks):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

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

    async def empty_destinations(self) -> None:
        """Delete what still waits for destinations that were switched off or deleted, in batches."""
        while await self.database.write(lambda tx: tx.outbox.empty_one_destination()):
            pass

    async def forget_attempts(self) -> None:
        """Delete attempts that are older than 30 days."""
        while await self.database.write(lambda tx: tx.outbox.forget_attempts(tx.now() - KEPT)):
            pass

    def _begin(self, one: Permitted, begun_at: float) -> None:
        sending = self._sending
        task = asyncio.create_task(self._send(one, begun_at))
        sending.tasks.add(task)
        sending.begin(one.turn)

        def linger() -> None:
            sending.linger(one.turn)
            self._wake_if_short()

        sending.timers[one.turn.token] = asyncio.get_running_loop().call_later(LINGERS, linger)

        def ended(task: asyncio.Task[None]) -> None:
            sending.tasks.discard(task)
            sending.end(one.turn)
            self._wake_if_short()
            if not task.cancelled() and (error := task.exception()) is not None:
                # Its lease ends, and it is due again.
                _LOG.error("outbox.failed", error=type(error).__name__)

        task.add_done_callback(ended)

    def _wake_if_short(self) -> None:
        if self._sending.is_short:
            self.database.signals.emit([Signal(Work.OUTBOX)])

    async def _send(self, one: Permitted, begun_at: float) -> None:
        sent = SentTurn(one, self.outside, self.mailer, self.database, begun_at)
        try:
            async for ended in sent.ends():
                if is_over := not sent.is_running:
                    self._sending.sent(one.turn)
                await self._end(one, ended, sent.unsent if is_over else (), wait=sent.wait)
        except BaseException:
            await asyncio.shield(self._stop(one, sent))
            raise
        self._sending.remember(one.turn, is_slow=sent.is_slow)

    async def _end(
        self,
        one: Permitted,
        ended: Sequence[Ended],
        unsent: Sequence[Message],
        *,
        wait: timedelta | None,
    ) -> None:
        """Note how attempts ended, in the database and in metrics."""
        account_id = one.turn.account_id
        noted = [
            replace(attempt, answer=await seal_answer(self.data_keys, account_id, attempt.attempt))
            for attempt in ended
        ]

        def end(tx: Transaction) -> Mapping[str, Result]:
            return end_turn(tx, one, noted, unsent, now=monotonic(), wait=wait)

        results = await self.database.write(end)
        for attempt in ended:
            await self._count(one, attempt, results.get(attempt.message.id))

    async def _count(self, one: Permitted, ended: Ended, result: Result | None) -> None:
        message = ended.message
        if result is None:
            await one.kind.take_back(message)
            return
        if result == "failed":
            _LOG.warning("outbox.attempt_failed", account_id=message.account_id, reason=ended.attempt.failure)
        metrics.OUTBOX.labels(message.kind, result).inc()
        one.kind.count(result)

    async def _stop(self, one: Permitted, sent: SentTurn) -> None:
        """Note what has ended of a turn that ends early, and give back the rest."""
        ended = await sent.stop()
        try:
            await self._end(one, ended, sent.unsent, wait=sent.wait)
        except VaultError:
            return  # Its lease ends.
