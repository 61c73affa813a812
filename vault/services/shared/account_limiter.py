"""Refuses an account's requests over its limits, and new recordings when the whole queue is full.

It works from memory, so that it costs a request no statement: requests and bytes are counted in this process, and
the lengths of the queues and the limits that admins have set are read every REFRESH_INTERVAL while requests arrive.
What is accepted in between is added, so the queue exceeds its limit by what other processes accept in that time.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from vault.database.interface import Database
from vault.database.stores.recordings.recording_queue import Backlog
from vault.database.transaction import Transaction
from vault.domain.accounts.limits import MAX_ACCOUNTS, AccountLimits, OwnLimits, Quota, TokenBuckets
from vault.errors import TooMany, Unavailable, VaultError
from vault.structured_log import Log

_LOG = Log(__name__)
Limit = Literal["requests_per_second", "bytes_in_flight", "queue"]

#: Seconds between two reads of the queues' lengths and of the limits that admins have set.
REFRESH_INTERVAL = 10.0
#: Seconds after which a client may retry when a queue is full.
_QUEUE_RETRY_AFTER = 30
#: Seconds after which a client may retry when too many bytes are in flight.
_BYTES_RETRY_AFTER = 5
_REMEDY = (
    "Send again after Retry-After seconds. If the account needs more, an admin can raise the limit at "
    "/v1/accounts/{account}/limits."
)


@dataclass(slots=True)
class _Accepted:
    """New recordings: all of them, and those of the first MAX_ACCOUNTS accounts."""

    total: int = 0
    by_account: Counter[str] = field(default_factory=Counter)

    def add(self, account_id: str, count: int) -> None:
        self.total += count
        if account_id in self.by_account or len(self.by_account) < MAX_ACCOUNTS:
            self.by_account[account_id] += count


@dataclass(slots=True, kw_only=True)
class AccountLimiter:
    """The limits of every account in this process. ``now`` is a monotonic clock in seconds."""

    database: Database
    default: AccountLimits
    #: The highest limits that an admin can set.
    ceiling: AccountLimits
    #: Max recordings of all accounts that wait for a worker, or that one processes.
    max_queue: int
    now: Callable[[], float] = monotonic
    _buckets: TokenBuckets = field(default_factory=TokenBuckets)
    _in_flight: Counter[str] = field(default_factory=Counter)
    _own: Mapping[str, OwnLimits] = field(default_factory=dict)
    _backlog: Backlog = field(default_factory=Backlog)
    #: New recordings by account since the last refresh began, and before it until it has ended.
    _accepted: _Accepted = field(default_factory=_Accepted)
    _older: _Accepted = field(default_factory=_Accepted)
    _refresh_at: float = float("-inf")
    _refreshing: "asyncio.Task[None] | None" = None

    def of(self, account_id: str) -> AccountLimits:
        """Return the account's limits, as far as this process knows them."""
        own = self._own.get(account_id)
        return self.default if own is None else own.applied(self.default, self.ceiling)

    def take_request(self, account_id: str) -> None:
        """Count a request. Raises TooMany over the account's rate."""
        self._refresh_if_due()
        rate = self.of(account_id).requests_per_second
        wait = self._buckets.take(account_id, rate, self.now())
        if wait:
            text = f"This account has sent more than {rate} requests per second to this node for a while."
            raise _too_many("requests_per_second", text, retry_after=math.ceil(wait))

    def quota(self, account_id: str) -> Quota:
        """Return what was left of the account's requests after its last one."""
        return self._buckets.quota(account_id, self.of(account_id).requests_per_second)

    @contextmanager
    def upload(self, account_id: str, size: int) -> Iterator[None]:
        """Count ``size`` bytes as in flight during the block. Raises TooMany over the account's limit.

        An account that has nothing in flight may send any size: else its largest recordings could never come in.
        """
        limit, in_flight = self.of(account_id).bytes_in_flight, self._in_flight[account_id]
        if in_flight and in_flight + size > limit:
            text = f"This account's uploads in progress on this node would have more than {limit} bytes."
            raise _too_many("bytes_in_flight", text, retry_after=_BYTES_RETRY_AFTER)
        self._in_flight[account_id] += size
        try:
            yield
        finally:
            self._in_flight[account_id] -= size
            if not self._in_flight[account_id]:
                del self._in_flight[account_id]

    def check_queue(self, account_id: str) -> None:
        """Count a new recording. Raises TooMany if the account's queue is full, Unavailable if the whole one is."""
        self._refresh_if_due()
        if self._backlog.total + self._older.total + self._accepted.total >= self.max_queue:
            text = f"More than {self.max_queue} recordings wait for a worker. Nothing was stored."
            raise Unavailable(text, retry_after=_QUEUE_RETRY_AFTER)
        limit = self.of(account_id).queue
        accepted = self._older.by_account[account_id] + self._accepted.by_account[account_id]
        if self._backlog.by_account.get(account_id, 0) + accepted >= limit:
            text = f"More than {limit} recordings of this account wait for a worker."
            raise _too_many("queue", text, retry_after=_QUEUE_RETRY_AFTER)
        self._accepted.add(account_id, 1)

    async def refresh(self) -> None:
        """Read the queues' lengths and the limits that admins have set. Raises Unavailable."""
        self._age()
        await self._read()

    def forget(self) -> None:
        """Read the limits again at the next request, because an admin has changed some through this process."""
        self._refresh_at = float("-inf")

    async def _read(self) -> None:
        """Read the queues' lengths and the limits that admins have set. Raises Unavailable."""

        def read(tx: Transaction) -> tuple[Backlog, Mapping[str, OwnLimits]]:
            return tx.queue.backlog(), tx.account_limits.all()

        self._backlog, self._own = await self.database.read(read)
        self._older = _Accepted()

    def _age(self) -> None:
        """Set what was accepted so far apart: a read that begins now sees it, what is accepted meanwhile it may not."""
        for account_id, count in self._accepted.by_account.items():
            self._older.add(account_id, count)
        self._older.total += self._accepted.total - self._accepted.by_account.total()
        self._accepted = _Accepted()

    def _refresh_if_due(self) -> None:
        """Begin a refresh in the background: a request never waits for it."""
        if self.now() < self._refresh_at or (self._refreshing is not None and not self._refreshing.done()):
            return
        self._refresh_at = self.now() + REFRESH_INTERVAL
        self._age()
        self._refreshing = asyncio.create_task(self._try_to_refresh())

    async def _try_to_refresh(self) -> None:
        try:
            await self._read()
        except VaultError as error:
            # The last known values hold on.
            _LOG.warning("limits.not_read", error=type(error).__name__)


def _too_many(limit: Limit, text: str, *, retry_after: int) -> TooMany:
    return TooMany(f"{text} {_REMEDY}", retry_after=max(1, retry_after), limit=limit)
