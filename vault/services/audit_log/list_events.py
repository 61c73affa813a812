"""Reading the access events of an account, in the order of the tree, with their sealed details opened."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Link
from vault.errors import NotFound
from vault.ports.access_log import LoggedEvent
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import open_listener

#: With a filter, events that are read at once, and how often at most for one page.
_BATCH_SIZE = 500
_READS = 10
#: Events that are opened before others are served.
_DECRYPT_BATCH_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What a list of events is narrowed to. None means any."""

    recording_id: str | None = None
    #: Who a link was made for: its making, its sessions, and what they were sent.
    listener: str | None = None
    since: datetime | None = None
    #: The first moment that is no longer meant.
    until: datetime | None = None

    @property
    def looks_inside(self) -> bool:
        """Say whether events must be opened to tell whether they are meant."""
        return any(value is not None for value in (self.listener, self.since, self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events, with what their sealed details say."""

    items: Sequence[tuple[LoggedEvent, Mapping[str, str]]]
    #: The index with which the next page begins; None at the end of the log.
    next_start: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents:
    """Read events that are in the tree, by index, so that no later one can come before an earlier.

    Times and listeners are not in the database in clear. A page looks at a bounded number of events for
    them, so it may hold fewer than were asked for, or none, and still have a next one.
    """

    database: Database
    ring: KeyRing
    carried: AccountDataKeys

    async def __call__(self, account_id: str, wanted: EventFilter, *, start: int, limit: int) -> EventPage:
        """Return events from the index ``start`` on, oldest first."""
        asked = _BATCH_SIZE if wanted.looks_inside else limit
        found: list[LoggedEvent] = []
        listeners: dict[str, str | None] = {}
        for _ in range(_READS):
            rows = await self._read(account_id, wanted, start, asked)
            for row in rows:
                start = row.index + 1
                if await self._is_meant(row.event, wanted, listeners):
                    found.append(row)
                if len(found) == limit:
                    return await self._page(found, start)
            if len(rows) < asked:
                return await self._page(found, None)
        return await self._page(found, start)

    async def _read(
        self, account_id: str, wanted: EventFilter, start: int, limit: int
    ) -> Sequence[LoggedEvent]:
        return await self.database.read(
            lambda tx: tx.events.page(account_id, recording_id=wanted.recording_id, start=start, limit=limit)
        )

    async def _is_meant(
        self, event: AccessEvent, wanted: EventFilter, listeners: dict[str, str | None]
    ) -> bool:
        if wanted.since is not None and event.at < wanted.since:
            return False
        if wanted.until is not None and event.at >= wanted.until:
            return False
        if wanted.listener is None:
            return True
        through = event.link_id or event.session_id
        if through is None:
            return False
        if through not in listeners:
            listeners[through] = await self._listener(event)
        return listeners[through] == wanted.listener.casefold()

    async def _listener(self, event: AccessEvent) -> str | None:
        link = await self.database.read(lambda tx: _link(tx, event))
        if link is None:
            return None
        try:
            return (await open_listener(self.ring, link)).casefold()
        except NotFound:
            return None  # The account's key of that time was destroyed.

    async def _page(self, found: Sequence[LoggedEvent], next_start: int | None) -> EventPage:
        items = []
        for number, one in enumerate(found):
            if number % _DECRYPT_BATCH_SIZE == 0:
                await asyncio.sleep(0)
            items.append((one, await self.carried.open_detail(one.event)))
        return EventPage(items=items, next_start=next_start)


def _link(tx: Transaction, event: AccessEvent) -> Link | None:
    link_id = event.link_id
    if link_id is None and event.session_id is not None:
        session = tx.links.session(event.session_id)
        link_id = session[0].link_id if session else None
    if link_id is None or event.account_id is None:
        return None
    return tx.links.get(event.account_id, link_id)
