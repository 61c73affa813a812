"""Calls that wait for events: all of a process share one look at the database each second, and hold nothing of it.

A signal of committed work would reach the process that published the event and one that polls for that work, and a
call may wait in any.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from vault.database.interface import Database
from vault.errors import TooMany, VaultError
from vault.structured_log import Log

_LOG = Log(__name__)
#: Calls that wait in this process: of one account, and of all.
OF_ACCOUNT: Final = 5
OF_ALL: Final = 500
#: Seconds between two looks while a call waits.
PAUSE: Final = 1.0
_RETRY_AFTER: Final = 20
_REMEDY: Final = "Ask without wait, or later."


@dataclass(eq=False, slots=True)
class _Call:
    account_id: str
    #: The number after which it waits for one.
    after: int | None
    has_come: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Waiting:
    calls: set[_Call] = field(default_factory=set)
    of_account: Counter[str] = field(default_factory=Counter)
    look: "asyncio.Task[None] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForEvents:
    """Wait until an account has an event after a number."""

    database: Database
    _waiting: _Waiting = field(default_factory=_Waiting)

    @contextmanager
    def place(self, account_id: str) -> Iterator[None]:
        """Hold one of the places of an account. Raises TooMany."""
        of_account = self._waiting.of_account
        if of_account[account_id] >= OF_ACCOUNT:
            raise TooMany(
                f"{OF_ACCOUNT} calls of this account wait for events on this node already. {_REMEDY}",
                retry_after=_RETRY_AFTER,
            )
        if of_account.total() >= OF_ALL:
            raise TooMany(
                f"{OF_ALL} calls wait for events on this node already. {_REMEDY}", retry_after=_RETRY_AFTER
            )
        of_account[account_id] += 1
        try:
            yield
        finally:
            of_account[account_id] -= 1
            if not of_account[account_id]:
                del of_account[account_id]

    async def until(
        self, account_id: str, after: int | None, *, seconds: float, ended: Awaitable[object]
    ) -> bool:
        """Return whether an event came within these seconds, and before ``ended``."""
        waiting, call = self._waiting, _Call(account_id, after)
        waiting.calls.add(call)
        if waiting.look is None or waiting.look.done():
            waiting.look = asyncio.create_task(self._look())
        came = asyncio.create_task(call.has_come.wait())
        try:
            await asyncio.wait(
                {came, asyncio.ensure_future(ended)}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.calls.discard(call)
            came.cancel()
        return call.has_come.is_set()

    async def _look(self) -> None:
        """Look for new events until no call waits."""
        while calls := set(self._waiting.calls):
            try:
                await self._tell(calls)
            except VaultError as error:
                # Those who wait go on, to the end of their time.
                _LOG.warning("events.not_read", error=type(error).__name__)
            await asyncio.sleep(PAUSE)

    async def _tell(self, calls: set[_Call]) -> None:
        accounts = {one.account_id for one in calls}
        numbers = await self.database.read(lambda tx: tx.event_polls.last_numbers(accounts))
        for one in calls:
            last = numbers.get(one.account_id)
            if last is not None and (one.after is None or last > one.after):
                one.has_come.set()
