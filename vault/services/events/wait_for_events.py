"""Calls that wait for events, by the number of an account's last one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.errors import TooMany
from vault.services.shared.shared_look import SharedLook, Waiter

#: Calls that wait in this process: of one account, and of all.
OF_ACCOUNT: Final = 5
OF_ALL: Final = 500
_RETRY_AFTER: Final = 20
_REMEDY: Final = "Ask without wait, or later."


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForEvents(SharedLook):
    """Wait until an account has an event after a number; None: any event."""

    database: Database

    @contextmanager
    def place(self, account_id: str) -> Iterator[None]:
        """Hold one of the places of an account. Raises TooMany."""
        of_account, of_all = self.places_taken(account_id)
        if of_account >= OF_ACCOUNT:
            raise TooMany(
                f"{OF_ACCOUNT} calls of this account wait for events on this node already. {_REMEDY}",
                retry_after=_RETRY_AFTER,
            )
        if of_all >= OF_ALL:
            raise TooMany(
                f"{OF_ALL} calls wait for events on this node already. {_REMEDY}", retry_after=_RETRY_AFTER
            )
        with self.holding_a_place(account_id):
            yield

    async def with_news(self, waiters: Collection[Waiter]) -> Collection[Waiter]:
        """Return those whose account has a later event."""
        accounts = {one.subject for one in waiters}
        numbers = await self.database.read(lambda tx: tx.event_polls.last_numbers(accounts))
        return [one for one in waiters if _is_later(numbers.get(one.subject), one.seen)]


def _is_later(last: int | None, seen: int | None) -> bool:
    return last is not None and (seen is None or last > seen)
