"""The disclosures of an account: who really got which recording, from the access log (GDPR art. 15(1)(c), C-154/21)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, EventType, LoggedEvent
from vault.domain.playback.link import Link
from vault.errors import NotFound
from vault.ports.keys import KeyRing
from vault.services.shared.encrypted_fields import open_listener

DisclosureKind = Literal["playback", "download", "key_export"]
_KINDS: Mapping[EventType, DisclosureKind] = {
    "playback.open": "playback",
    "playback.grant": "playback",
    "download.grant": "download",
    "key.exported": "key_export",
}
#: Events per read, and the maximum number of reads per page.
_BATCH_SIZE = 500
_READS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureFilter:
    """A filter of disclosures. None means any."""

    recording_id: str | None = None
    #: The listener's name in a link.
    recipient: str | None = None
    since: datetime | None = None
    #: Exclusive.
    until: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Disclosure:
    """What one recipient got of one recording: in one session, or by one API key or operator on one day."""

    #: The leaf index of its first event.
    index: int
    at: datetime
    kind: DisclosureKind
    recording_id: str | None
    #: The listener's name in the link; None without a link, and where its key was destroyed.
    recipient: str | None
    #: Id of a session or an API key, or ``operator``.
    actor: str
    link_id: str | None
    #: Bytes of audio that were granted; a range that was granted twice counts twice.
    granted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosurePage:
    """A page of disclosures in log order."""

    items: Sequence[Disclosure]
    #: The first index of the next page; None at the end of the log.
    next_start: int | None


@dataclass(slots=True)
class _Page:
    """The disclosures found so far, by what makes an event part of one."""

    found: dict[tuple[str, ...], Disclosure] = field(default_factory=dict)
    recipients: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosures:
    """List who got what."""

    database: Database
    ring: KeyRing

    async def page(
        self, account_id: str, wanted: DisclosureFilter, *, start: int, limit: int
    ) -> DisclosurePage:
        """Return disclosures of the events from index ``start`` on, oldest first.

        A page reads a bounded number of events, so it may have fewer items than the limit, or none, and still have a
        next page. A disclosure whose events are on two pages is on both.
        """
        page = _Page()
        for _ in range(_READS):
            rows = await self._read(account_id, wanted, start)
            for row in rows:
                if not await self._take(page, row, wanted, limit):
                    return DisclosurePage(items=list(page.found.values()), next_start=row.index)
                start = row.index + 1
            if len(rows) < _BATCH_SIZE:
                return DisclosurePage(items=list(page.found.values()), next_start=None)
        return DisclosurePage(items=list(page.found.values()), next_start=start)

    async def _read(self, account_id: str, wanted: DisclosureFilter, start: int) -> Sequence[LoggedEvent]:
        return await self.database.read(
            lambda tx: tx.events.page(
                account_id, recording_id=wanted.recording_id, start=start, limit=_BATCH_SIZE
            )
        )

    async def _take(self, page: _Page, row: LoggedEvent, wanted: DisclosureFilter, limit: int) -> bool:
        """Add an event to its disclosure; False if that is one more than the limit."""
        event, kind = row.event, _KINDS.get(row.event.type)
        if kind is None or not _in_time(event, wanted):
            return True
        name = (kind, event.recording_id or "", event.session_id or f"{event.actor} {event.at.date()}")
        if name not in page.found:
            recipient = await self._recipient(page, event)
            if wanted.recipient is not None and wanted.recipient.casefold() != (recipient or "").casefold():
                return True
            if len(page.found) == limit:
                return False
            page.found[name] = Disclosure(
                index=row.index,
                at=event.at,
                kind=kind,
                recording_id=event.recording_id,
                recipient=recipient,
                actor=event.session_id or event.actor,
                link_id=event.link_id,
            )
        if event.first is not None and event.end is not None:
            page.found[name].granted += event.end - event.first
        return True

    async def _recipient(self, page: _Page, event: AccessEvent) -> str | None:
        access_id = event.link_id or event.session_id
        if access_id is None:
            return None
        if access_id not in page.recipients:
            link = await self.database.read(lambda tx: _link(tx, event))
            try:
                page.recipients[access_id] = None if link is None else await open_listener(self.ring, link)
            except NotFound:
                page.recipients[access_id] = None  # The account key that sealed the name was destroyed.
        return page.recipients[access_id]


def _in_time(event: AccessEvent, wanted: DisclosureFilter) -> bool:
    early = wanted.since is not None and event.at < wanted.since
    late = wanted.until is not None and event.at >= wanted.until
    return not early and not late


def _link(tx: Transaction, event: AccessEvent) -> Link | None:
    link_id = event.link_id
    if link_id is None and event.session_id is not None:
        session = tx.links.session(event.session_id)
        link_id = session[0].link_id if session else None
    return None if link_id is None else tx.links.get(event.account_id or "", link_id)
