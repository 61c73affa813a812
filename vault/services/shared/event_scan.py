"""Read an account's access events in log order, and filter them by data that is sealed."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.playback.link import Link
from vault.errors import NotFound
from vault.ports.keys import KeyRing
from vault.services.shared.encrypted_fields import open_listener

#: Events per read, unless the caller gives another number, and the maximum number of reads per page.
_BATCH_SIZE: Final = 500
_MAX_READS: Final = 10


@dataclass(slots=True, kw_only=True)
class EventScan:
    """The scan of one page: a bounded number of reads, however few events match."""

    database: Database
    account_id: str
    recording_id: str | None
    #: The index of the first event that was not read yet; None after the last one of the log.
    next_start: int | None
    batch_size: int | None = None

    async def events(self) -> AsyncGenerator[LoggedEvent, None]:
        """Yield the events from ``next_start`` on, oldest first. Close it with ``aclosing``."""
        limit = self.batch_size or _BATCH_SIZE
        for _ in range(_MAX_READS):
            rows = await self.database.read(lambda tx: self._read(tx, limit))
            for row in rows:
                self.next_start = row.index + 1
                yield row
            if len(rows) < limit:
                self.next_start = None
                return

    def _read(self, tx: Transaction, limit: int) -> Sequence[LoggedEvent]:
        start = self.next_start or 0
        return tx.events.page(self.account_id, recording_id=self.recording_id, start=start, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerNames:
    """The names of the listeners of events, each link or session read once."""

    database: Database
    ring: KeyRing
    _names: dict[str, str | None] = field(default_factory=dict)

    async def of_event(self, event: AccessEvent) -> str | None:
        """Return the listener's name in the link of an event; None without a link, and after its key was destroyed.

        Raises Tampered, Unavailable.
        """
        access_id = event.link_id or event.session_id
        if access_id is None:
            return None
        if access_id not in self._names:
            self._names[access_id] = await self._name(event)
        return self._names[access_id]

    async def _name(self, event: AccessEvent) -> str | None:
        link = await self.database.read(lambda tx: _link(tx, event))
        if link is None:
            return None
        try:
            return await open_listener(self.ring, link)
        except NotFound:
            return None  # The account key that sealed the name was destroyed.


def is_in_period(event: AccessEvent, *, since: datetime | None, until: datetime | None) -> bool:
    """Return whether an event is in the period [since, until); None is no limit."""
    return (since is None or event.at >= since) and (until is None or event.at < until)


def _link(tx: Transaction, event: AccessEvent) -> Link | None:
    link_id = event.link_id
    if link_id is None and event.session_id is not None:
        session = tx.links.session(event.session_id)
        link_id = session[0].link_id if session else None
    if link_id is None or event.account_id is None:
        return None
    return tx.links.get(event.account_id, link_id)
