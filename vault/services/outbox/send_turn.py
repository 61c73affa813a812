"""Send the messages of a turn: some at the same time, each within a second of its permission, none after a failure."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Final, TypeVar

from vault.database.interface import Database
from vault.database.stores.outbox.claims import TURN
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Answer, Attempt, Outcome, attempt_without_answer
from vault.domain.outbox.health import PLACES
from vault.domain.outbox.mail import Mail
from vault.domain.outbox.message import Message, Standing
from vault.errors import FetchFailed, VaultError
from vault.ports.mail import Mailer
from vault.ports.outside import Outside, Post
from vault.services.outbox.end_turn import Ended
from vault.services.outbox.kind import Permission, PermissionTooOld
from vault.services.outbox.permit import Permitted, permit_again
from vault.structured_log import Log

R = TypeVar("R")
_LOG = Log(__name__)
#: How long a message is nobody else's: it begins within 5 seconds, and a request takes 10, a mail 20.
LEASE: Final = timedelta(seconds=30)
#: Seconds from a permission until nothing is sent by it any more: a process that slept may have missed an erasure.
VALID: Final = 5.0
#: Seconds from a permission until no further message of the turn begins.
BEGINS: Final = 1.0
#: Seconds after which those that have ended do not wait for the others of their turn.
_PATIENCE: Final = 1.0
#: Of what the next message of a turn may be sent after.
_GOES_ON: Final = frozenset({Outcome.ACCEPTED, Outcome.NOT_SENT, Outcome.REFUSED})
_OWN_FAILURE: Final = "The vault could not send it. It tries again."


class SentTurn:
    """A turn while it is sent."""

    def __init__(
        self, permitted: Permitted, outside: Outside, mailer: Mailer, database: Database, begun_at: float
    ) -> None:
        """Begin with nothing; ``begun_at`` is before its permission, by ``monotonic``."""
        self._permitted, self._outside, self._begun_at = permitted, outside, begun_at
        self._mailer, self._database = mailer, database
        self._waiting = deque(permitted.messages)
        self._ended: list[Ended] = []
        self._running: set[asyncio.Task[None]] = set()
        self._on_their_way: dict[str, Message] = {}
        self._stops = False
        #: How long no further message of the destination begins, as its receiver has let know.
        self.wait: timedelta | None = None

    async def ends(self) -> AsyncIterator[Sequence[Ended]]:
        """Send, and yield attempts that have ended, each once; ``unsent`` has what is left when it is over."""
        try:
            receiver = await self._permitted.kind.open(self._permitted.stored)
        except Exception as error:  # noqa: BLE001 - the next attempt may succeed
            # That is not to be told by each message of the turn.
            message, _ = self._waiting.popleft()
            self._ended.append(_own(message, error, monotonic()))
            yield self._take()
            return
        self._running = {
            asyncio.create_task(self._send_waiting(receiver)) for _ in range(self._permitted.turn.places)
        }
        while self._running:
            _, self._running = await asyncio.wait(self._running, timeout=_PATIENCE)
            if self._ended or not self._running:
                yield self._take()

    async def stop(self) -> Sequence[Ended]:
        """End what is being sent; return what had ended, and was not yielded."""
        running, self._running = self._running, set()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return self._take()

    @property
    def is_running(self) -> bool:
        """Return whether attempts go on."""
        return bool(self._running)

    @property
    def unsent(self) -> Sequence[Message]:
        """Return what was not sent, or was when it was stopped."""
        return [*self._on_their_way.values(), *(message for message, _ in self._waiting)]

    @property
    def is_slow(self) -> bool:
        """Return whether its receiver takes too long for a turn of many messages."""
        turn = self._permitted.turn
        sent = len(turn.messages) - len(self._waiting)
        whole = (monotonic() - self._begun_at) * TURN / max(sent, 1) * turn.places / PLACES
        return whole > BEGINS

    def _take(self) -> Sequence[Ended]:
        ended, self._ended = self._ended, []
        return ended

    async def _send_waiting(self, receiver: Any) -> None:
        """Send one message after the other, until one fails or there is no time for more; by one connection."""
        turn = self._permitted.turn
        if len(turn.messages) <= turn.places:
            # One for each place.
            await self._send_all(receiver, self._outside.post)
            return
        async with self._outside.keep_alive() as post:
            await self._send_all(receiver, post)

    async def _send_all(self, receiver: Any, post: Post) -> None:
        is_first = True
        while self._waiting and not self._stops:
            is_late = not is_first and monotonic() - self._begun_at > BEGINS
            if is_late or self._must_wait(receiver):
                break
            is_first = False
            message, standing = self._waiting.popleft()
            self._on_their_way[message.id] = message
            ended = await self._attempt(receiver, message, standing, post)
            del self._on_their_way[message.id]
            self._ended.append(ended)
            self._stops |= ended.attempt.outcome not in _GOES_ON
        self._must_wait(receiver)

    def _must_wait(self, receiver: Any) -> bool:
        self.wait = self._permitted.kind.wait(receiver, self._permitted.turn.messages[0])
        return self.wait is not None

    async def _attempt(self, receiver: Any, message: Message, standing: Standing, post: Post) -> Ended:
        """Send a message once; return how it ended, and whether the vault itself could not send it."""
        began = monotonic()
        given = _Given(self._permitted, self._database, message, self._begun_at)

        async def post_in_time(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
            given.check()
            return await post(url, headers, body)

        async def request_in_time(
            method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
        ) -> Answer:
            given.check()
            return await self._outside.request(method, url, headers, body, hosts)

        async def mail_in_time(mail: Mail) -> int:
            given.check()
            return await self._mailer.send(mail)

        permission = Permission(
            message=message, standing=standing, post=post_in_time, request=request_in_time, mail=mail_in_time,
            renew=given.renew,
        )  # fmt: skip
        try:
            attempt = await self._permitted.kind.send(receiver, permission)
        except FetchFailed as error:
            attempt = attempt_without_answer(error)
            return _ended(message, attempt, began, is_own=isinstance(error, PermissionTooOld))
        except Exception as error:  # noqa: BLE001 - the next attempt may succeed
            return _own(message, error, began)
        return _ended(message, attempt, began, is_own=False)


class _Given:
    """When the permission of a message was given, and given again."""

    def __init__(self, permitted: Permitted, database: Database, message: Message, at: float) -> None:
        self._permitted, self._database, self._message, self._at = permitted, database, message, at

    def check(self) -> None:
        """Raise PermissionTooOld if it was given too long ago."""
        if monotonic() - self._at > VALID:
            raise PermissionTooOld

    async def renew(self, work: Callable[[Transaction, Standing], R]) -> R:
        """Give it again, in the transaction of ``work``."""
        at, one, message = monotonic(), self._permitted, self._message

        def again(tx: Transaction) -> R:
            standing = permit_again(tx, one.turn, message, one.kind, lease=LEASE)
            if standing is None:
                raise PermissionTooOld
            return work(tx, standing)

        result = await self._database.write(again)
        self._at = at
        return result


def _own(message: Message, error: Exception, began: float) -> Ended:
    """Return an attempt that the vault itself could not make; why is not for the account to see."""
    if isinstance(error, VaultError):
        _LOG.warning("outbox.not_sent", account_id=message.account_id, reason=type(error).__name__)
    else:
        _LOG.error("outbox.failed", account_id=message.account_id, error=type(error).__name__, trace=True)
    return _ended(message, Attempt(outcome=Outcome.FAILED, failure=_OWN_FAILURE), began, is_own=True)


def _ended(message: Message, attempt: Attempt, began: float, *, is_own: bool) -> Ended:
    took = timedelta(seconds=monotonic() - began)
    return Ended(message=message, attempt=attempt, began=began, took=took, is_own=is_own)
