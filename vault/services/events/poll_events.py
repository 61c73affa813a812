"""Give the events of an account to its own systems, which ask for them: those behind a firewall receive no POST."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from vault.database.interface import Database
from vault.database.stores.events.polls import PolledEvents
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import body_of, check_types
from vault.domain.events.event_types import EVERY_TYPE
from vault.errors import Invalid
from vault.services.events.wait_for_events import WaitForEvents

#: How long a call waits at most.
MAX_WAIT: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsWanted:
    """What a call asks for."""

    #: The number of the last event that the system has; None or 0: from the first that is kept on.
    after: int | None
    #: None: events of all types.
    types: Sequence[str] | None
    limit: int
    #: How long to wait for an event if there is none.
    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """What a call gets."""

    #: Of each event, as it is sent to endpoints, in the order of their numbers.
    bodies: Sequence[bytes]
    #: The number up to which this looked; None: the account has had no event, and none was asked for by a number.
    through: int | None
    #: Whether there are more to ask for immediately.
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PollEvents:
    """Read events by their numbers."""

    database: Database
    waits: WaitForEvents

    async def __call__(self, account_id: str, wanted: EventsWanted, *, ended: Awaitable[object]) -> EventPage:
        """Return events as they stand now; with ``wait``, as soon as there is one, and at the latest when ``ended``.

        From the first call on the account's events are numbered, until it has not asked for 30 days. Raises Invalid
        for a number that is not among those of the last 30 days, TooMany if too many calls wait.
        """
        if wanted.types is not None:
            check_types(wanted.types)
        await self._note(account_id)
        page = await self._read(account_id, wanted, wanted.after)
        if not _is_worth_it(page) and wanted.wait:
            with self.waits.place(account_id):
                page = await self._wait(account_id, wanted, page, ended)
        bodies = [body_of(one.message, is_erased=one.is_erased) for one in page.events]
        return EventPage(bodies=bodies, through=page.through, has_more=page.has_more)

    async def _wait(
        self, account_id: str, wanted: EventsWanted, page: PolledEvents, ended: Awaitable[object]
    ) -> PolledEvents:
        until = monotonic() + wanted.wait.total_seconds()
        while not _is_worth_it(page) and (left := until - monotonic()) > 0:
            if not await self.waits.until_news(account_id, page.through, seconds=left, ended=ended):
                break
            page = await self._read(account_id, wanted, page.through)
        return page

    async def _note(self, account_id: str) -> None:
        def is_noted(tx: Transaction) -> bool:
            return tx.event_polls.is_noted(account_id, tx.now())

        if not await self.database.read(is_noted):
            await self.database.write(lambda tx: tx.event_polls.note(account_id, tx.now()))

    async def _read(self, account_id: str, wanted: EventsWanted, after: int | None) -> PolledEvents:
        types = None if wanted.types is None or EVERY_TYPE in wanted.types else wanted.types

        def read(tx: Transaction) -> PolledEvents:
            return tx.event_polls.page(account_id, after=after, types=types, limit=wanted.limit)

        page = await self.database.read(read)
        # No event has the number 0, and the first one of an account any number.
        if after and page.last is not None and page.first is not None:
            _check(after, first=page.first, last=page.last)
        return page


def _check(after: int, *, first: int, last: int) -> None:
    if after > last:
        raise Invalid(f"The account's last event has the number {last}.", field="after")
    if after < first - 1:
        text = f"The first event that is kept has the number {first}. Ask with after={first - 1}, or without after."
        raise Invalid(text, field="after")


def _is_worth_it(page: PolledEvents) -> bool:
    """Return whether the caller has something to do."""
    return bool(page.events) or page.has_more
