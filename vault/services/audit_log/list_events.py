"""List an account's access events in log order, with decrypted details."""

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

#: With a filter: events per read, and the maximum number of reads per page.
_BATCH_SIZE = 500
_READS = 10
#: Events decrypted before control returns to the event loop.
_DECRYPT_BATCH_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """A filter of events. None means any."""

    recording_id: str | None = None
    #: The listener of a link: matches its creation, its sessions and their playback.
    listener: str | None = None
    since: datetime | None = None
    #: Exclusive.
    until: datetime | None = None

    @property
    def looks_inside(self) -> bool:
        """Return whether the filter can only be applied to decrypted events."""
        return any(value is not None for value in (self.listener, self.since, self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of events with their decrypted details."""

    items: Sequence[tuple[LoggedEvent, Mapping[str, str]]]
    #: The first index of the next page; None at the end of the log.
    next_start: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents:
    """List events of the tree by index, so that pages never miss an event that is added later.

    Times and listeners are not stored in clear text. To filter by them, a page scans a bounded number of events,
    so it may have fewer events than the limit, or none, and still have a next page.
    """

    database: Database
    ring: KeyRing
    carried: AccountDataKeys

    async def __call__(self, account_id: str, wanted: EventFilter, *, start: int, limit: int) -> EventPage:
        """Return events from the index ``start`` on, oldest first."""
        batch_size = _BATCH_SIZE if wanted.looks_inside else limit
        found: list[LoggedEvent] = []
        listeners: dict[str, str | None] = {}
        for _ in range(_READS):
            rows = await self._read(account_id, wanted, start, batch_size)
            for row in rows:
                start = row.index + 1
                if await self._matches(row.event, wanted, listeners):
                    found.append(row)
                if len(found) == limit:
                    return await self._page(found, start)
            if len(rows) < batch_size:
                return await self._page(found, None)
        return await self._page(found, start)

    async def _read(
        self, account_id: str, wanted: EventFilter, start: int, limit: int
    ) -> Sequence[LoggedEvent]:
        return await self.database.read(
            lambda tx: tx.events.page(account_id, recording_id=wanted.recording_id, start=start, limit=limit)
        )

    async def _matches(
        self, event: AccessEvent, wanted: EventFilter, listeners: dict[str, str | None]
    ) -> bool:
        if wanted.since is not None and event.at < wanted.since:
            return False
        if wanted.until is not None and event.at >= wanted.until:
            return False
        if wanted.listener is None:
            return True
        access_id = event.link_id or event.session_id
        if access_id is None:
            return False
        if access_id not in listeners:
            listeners[access_id] = await self._listener(event)
        return listeners[access_id] == wanted.listener.casefold()

    async def _listener(self, event: AccessEvent) -> str | None:
        link = await self.database.read(lambda tx: _link(tx, event))
        if link is None:
            return None
        try:
            return (await open_listener(self.ring, link)).casefold()
        except NotFound:
            return None  # The account key that sealed the name was destroyed.

    async def _page(self, found: Sequence[LoggedEvent], next_start: int | None) -> EventPage:
        items = []
        for number, logged in enumerate(found):
            if number % _DECRYPT_BATCH_SIZE == 0:
                await asyncio.sleep(0)
            items.append((logged, await self.carried.open_detail(logged.event)))
        return EventPage(items=items, next_start=next_start)


def _link(tx: Transaction, event: AccessEvent) -> Link | None:
    link_id = event.link_id
    if link_id is None and event.session_id is not None:
        session = tx.links.session(event.session_id)
        link_id = session[0].link_id if session else None
    if link_id is None or event.account_id is None:
        return None
    return tx.links.get(event.account_id, link_id)
