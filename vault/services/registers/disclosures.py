"""The disclosures of an account: who really got which recording, from the access log (GDPR art. 15(1)(c), C-154/21)."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from vault.database.interface import Database
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.listening import Span, heard, union
from vault.domain.folded_text import folded
from vault.domain.registers.entries import Recipient
from vault.errors import NotFound, Tampered
from vault.ports.keys import KeyRing
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.event_scan import EventScan, ListenerNames, is_in_period

DisclosureKind = Literal["playback", "download", "key_export", "number_look_up", "hand_over"]
_KINDS: Mapping[EventType, DisclosureKind] = {
    "playback.open": "playback",
    "playback.grant": "playback",
    "playback.heard": "playback",
    "download.grant": "download",
    "key.exported": "key_export",
    "handover.looked_up": "number_look_up",
    "handover.sent": "hand_over",
}
_OF_HANDOVER: Final = frozenset({"handover.looked_up", "handover.sent"})


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
    """What one recipient got of one recording: in one session, or by one key, operator or integration on one day."""

    #: The leaf index of its first event.
    index: int
    at: datetime
    kind: DisclosureKind
    recording_id: str | None
    #: The listener's name in the link, or the vendor's in the register; None where it is not known any more.
    recipient: str | None
    #: Id of a session, an API key or an integration, or ``operator``.
    actor: str
    link_id: str | None
    #: Bytes of audio that were granted; a range that was granted twice counts twice.
    granted: int = 0
    #: Whole seconds [first, end) that the player reported as played, which nobody can check.
    heard: tuple[Span, ...] = ()

    @property
    def heard_seconds(self) -> int | None:
        """Return how many seconds the player reported as played, each counted once; None if it reported nothing."""
        return sum(end - first for first, end in self.heard) if self.heard else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosurePage:
    """A page of disclosures in log order."""

    items: Sequence[Disclosure]
    #: The first index of the next page; None at the end of the log.
    next_start: int | None


@dataclass(slots=True)
class _Page:
    """The disclosures found so far, by what makes an event part of one."""

    wanted: DisclosureFilter
    #: The maximum number of disclosures.
    limit: int
    listeners: ListenerNames
    vendors: "VendorNames"
    data_keys: AccountDataKeys
    found: dict[tuple[str, ...], Disclosure] = field(default_factory=dict)

    async def add(self, logged: LoggedEvent) -> bool:
        """Add an event to its disclosure; False if that is one more than the limit."""
        event, wanted, kind = logged.event, self.wanted, _KINDS.get(logged.event.type)
        if kind is None or not is_in_period(event, since=wanted.since, until=wanted.until):
            return True
        is_handover = event.type in _OF_HANDOVER
        actor = (event.result or "").partition("/")[0] if is_handover else event.session_id or event.actor
        name = (kind, event.recording_id or "", event.session_id or f"{actor} {event.at.date()}")
        if name not in self.found:
            of_event = self.vendors.vendor_of if is_handover else self.listeners.of_event
            recipient = await of_event(event)
            if wanted.recipient is not None and folded(wanted.recipient) != folded(recipient or ""):
                return True
            if len(self.found) == self.limit:
                return False
            self.found[name] = Disclosure(
                index=logged.index,
                at=event.at,
                kind=kind,
                recording_id=event.recording_id,
                recipient=recipient,
                actor=actor,
                link_id=event.link_id,
            )
        if event.first is not None and event.end is not None:
            self.found[name].granted += event.end - event.first
        if event.type == "playback.heard":
            await self._hear(self.found[name], event)
        return True

    async def _hear(self, disclosure: Disclosure, event: AccessEvent) -> None:
        """Add what a player reported; nothing of a report whose key is destroyed or whose bytes were changed."""
        with suppress(NotFound, Tampered):
            detail = await self.data_keys.open_detail(event)
            disclosure.heard = union((*disclosure.heard, *heard([detail.get("heard", "")])))


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorNames:
    """The vendors of the integrations of events, as the register names them, each read once."""

    database: Database
    recipients: SealedEntries[Recipient]
    _names: dict[str, str | None] = field(default_factory=dict)

    async def vendor_of(self, event: AccessEvent) -> str | None:
        """Return the vendor's name; None where neither the integration nor its entry is there. Raises Unavailable."""
        integration_id = (event.result or "").partition("/")[0]
        if integration_id not in self._names:
            self._names[integration_id] = await self._name(event.account_id or "", integration_id)
        return self._names[integration_id]

    async def _name(self, account_id: str, integration_id: str) -> str | None:
        stored = await self.database.read(lambda tx: tx.integrations.get(account_id, integration_id))
        if stored is None:
            return None
        try:
            return (await self.recipients.get(account_id, stored.recipient_id)).content.name
        except NotFound:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosures:
    """List the disclosures of an account."""

    database: Database
    ring: KeyRing
    recipients: SealedEntries[Recipient]
    data_keys: AccountDataKeys

    async def page(
        self, account_id: str, wanted: DisclosureFilter, *, start: int, limit: int
    ) -> DisclosurePage:
        """Return disclosures of the events from index ``start`` on, oldest first.

        A page reads a bounded number of events, so it may have fewer items than the limit, or none, and still have a
        next page. A disclosure whose events are on two pages is on both.
        """
        page = _Page(
            wanted=wanted,
            limit=limit,
            listeners=ListenerNames(database=self.database, ring=self.ring),
            vendors=VendorNames(database=self.database, recipients=self.recipients),
            data_keys=self.data_keys,
        )
        scan = EventScan(
            database=self.database, account_id=account_id, recording_id=wanted.recording_id, next_start=start
        )
        async with aclosing(scan.events()) as events:
            async for logged in events:
                if not await page.add(logged):
                    return DisclosurePage(items=list(page.found.values()), next_start=logged.index)
        return DisclosurePage(items=list(page.found.values()), next_start=scan.next_start)
