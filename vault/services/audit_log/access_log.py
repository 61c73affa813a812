"""An account's access events in log order, and the history of one recording, with decrypted details."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.audit_log.audio_requests import GRANT_OF
from vault.domain.audit_log.history import HistoryItem, OpenedEvent, Origins, whole_seconds, write_history
from vault.domain.audit_log.listening import Span, Timeline, header_bytes
from vault.domain.folded_text import folded
from vault.domain.recordings.media import HEADER_BYTES
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.evidence import Evidence
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.rfc3339 import parse_rfc3339
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.event_scan import EventScan, ListenerNames, is_in_period
from vault.services.shared.paced import paced

#: Events per read of a recording's history.
_HISTORY_BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """A filter of events. None means any."""

    recording_id: str | None = None
    #: The listener of a link: matches its creation, its sessions and their playback.
    listener: str | None = None
    types: frozenset[str] | None = None
    #: An API key, a person or a session of a listener; ``worker`` or ``operator``.
    actor: str | None = None
    since: datetime | None = None
    #: Exclusive.
    until: datetime | None = None

    @property
    def looks_inside(self) -> bool:
        """Return whether the filter can only be applied to events that were read."""
        inside = (self.listener, self.types, self.actor, self.since, self.until)
        return any(value is not None for value in inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of events with their decrypted details."""

    items: Sequence[tuple[LoggedEvent, Mapping[str, str]]]
    #: The first index of the next page; None at the end of the log.
    next_start: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A recording with its related rows."""

    recording: Recording
    keys: RecordingKeys | None
    evidence: Sequence[EvidenceRow]
    #: The name of its connection.
    connection: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """List an account's access events, and show the history of one recording."""

    database: Database
    ring: KeyRing
    data_keys: AccountDataKeys
    clock: Clock

    async def list_events(self, account_id: str, wanted: EventFilter, *, start: int, limit: int) -> EventPage:
        """Return events of the tree by index, so that pages never miss an event that is added later.

        Times and listeners are not stored in clear text. To filter by them, a page scans a bounded number of events,
        so it may have fewer events than the limit, or none, and still have a next page.

        The events begin at the index ``start``, oldest first.
        """
        scan = EventScan(
            database=self.database,
            account_id=account_id,
            recording_id=wanted.recording_id,
            next_start=start,
            batch_size=None if wanted.looks_inside else limit,
        )
        listeners = ListenerNames(database=self.database, ring=self.ring)
        found: list[LoggedEvent] = []
        async with aclosing(scan.events()) as events:
            async for logged in events:
                if await _matches(logged.event, wanted, listeners):
                    found.append(logged)
                if len(found) == limit:
                    break
        return await self._opened_page(found, scan.next_start)

    async def _opened_page(self, found: Sequence[LoggedEvent], next_start: int | None) -> EventPage:
        items = [
            (logged, self._shown(await self.data_keys.open_detail(logged.event)))
            async for logged in paced(found)
        ]
        return EventPage(items=items, next_start=next_start)

    def _shown(self, detail: Mapping[str, str]) -> Mapping[str, str]:
        """Leave out a token that still opens a link: who reads the log may not be one who listens."""
        if "token" not in detail or parse_rfc3339(detail["token_expires_at"]) <= self.clock():
            return detail
        return {name: value for name, value in detail.items() if name != "token"}

    async def seconds_of(self, account_id: str, events: Sequence[AccessEvent]) -> Mapping[str, Span]:
        """Return which whole seconds of the audio each grant covers, rounded outwards, by the ids of the events.

        Those are missing whose seconds are unknown. ``events`` are a page.
        """
        granted = [event for event in events if event.type in GRANT_OF.values()]
        ids = sorted({event.recording_id for event in granted if event.recording_id is not None})
        rows = await self.database.read(lambda tx: tx.recordings.of_account(account_id, ids)) if ids else ()
        recordings = {row.id: row for row in rows}
        found: dict[str, Span] = {}
        async for event in paced(granted):
            recording = recordings.get(event.recording_id or "")
            if recording is None or event.first is None or event.end is None:
                continue
            played = event.type == "playback.grant"
            timeline = (_rendition(recording) if played else None) or _original(recording)
            span = whole_seconds(timeline, (event.first, event.end))
            found |= {} if span is None else {event.id: span}
        return found

    async def history(self, account_id: str, recording_id: str) -> Sequence[HistoryItem]:
        """Return the history of a recording, also of an erased one. Data that cannot be decrypted is left out.

        It uses only the times and reasons of the evidence, which name no party; so it is not logged as access to it.

        Items are ordered by time, oldest first. Raises NotFound, Tampered, Unavailable.
        """
        row = await self.database.read(lambda tx: _row(tx, account_id, recording_id))
        evidence = await self._evidence(row)
        events = await self._events(account_id, recording_id)
        # The number of events is unbounded, so keep the work off the event loop.
        return await asyncio.to_thread(write_history, _origins(row, evidence), events)

    async def _events(self, account_id: str, recording_id: str) -> list[OpenedEvent]:
        found: list[OpenedEvent] = []
        while True:
            start = found[-1].index + 1 if found else 0
            page = await self._page(account_id, recording_id, start)
            found += [await self._opened(logged) async for logged in paced(page)]
            if len(page) < _HISTORY_BATCH_SIZE:
                return found

    async def _page(self, account_id: str, recording_id: str, start: int) -> Sequence[LoggedEvent]:
        return await self.database.read(
            lambda tx: tx.events.page(
                account_id, recording_id=recording_id, start=start, limit=_HISTORY_BATCH_SIZE
            )
        )

    async def _opened(self, logged: LoggedEvent) -> OpenedEvent:
        detail: Mapping[str, str] = {}
        # If the account key that sealed the detail was destroyed, the history has no names for it.
        with suppress(NotFound):
            detail = await self.data_keys.open_detail(logged.event)
        return OpenedEvent(index=logged.index, event=logged.event, detail=detail)

    async def _evidence(self, row: _Row) -> Mapping[str, Evidence]:
        """Return the evidence entries by digest; empty if they cannot be decrypted any more."""
        if row.keys is None or row.keys.details is None:
            return {}
        try:
            opened = await open_recording(self.ring, row.recording, row.keys)
        except NotFound:
            return {}  # The account key that sealed them was destroyed.
        first = Evidence(canonical=opened.details().evidence)
        later = [open_entry(opened, each) async for each in paced(row.evidence)]
        return {entry.digest: entry for entry in (first, *later)}


async def _matches(event: AccessEvent, wanted: EventFilter, listeners: ListenerNames) -> bool:
    if not is_in_period(event, since=wanted.since, until=wanted.until):
        return False
    if (wanted.types is not None and event.type not in wanted.types) or wanted.actor not in {
        None,
        event.actor,
    }:
        return False
    if wanted.listener is None:
        return True
    name = await listeners.of_event(event)
    return name is not None and folded(name) == folded(wanted.listener)


def _row(tx: Transaction, account_id: str, recording_id: str) -> _Row:
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    connection_id = recording.connection_id
    connection = None if connection_id is None else tx.connections.get(connection_id)
    return _Row(
        recording=recording,
        keys=tx.recordings.keys(recording_id),
        evidence=tx.evidence.of_recording(recording_id),
        connection=None if connection is None else connection.name,
    )


def _origins(row: _Row, evidence: Mapping[str, Evidence]) -> Origins:
    recording = row.recording
    reasons = {reason.code: reason.text for reason in recording.reasons}
    let_in: dict[str, str] = {}
    sealed_at: datetime | None = None
    for digest, entry in evidence.items():
        content = entry.content
        if content["kind"] == "sealing":
            sealed_at = parse_rfc3339(content["at"])
        decision = content.get("decision", {"verdict": None, "reasons": []})
        reasons |= {reason["code"]: reason["text"] for reason in decision["reasons"]}
        if decision["verdict"] == "allow" and decision["reasons"]:
            # The last reason of an allow decision is the one that allowed it.
            let_in[digest] = decision["reasons"][-1]["code"]
    original = _original(recording)
    return Origins(
        received_at=recording.received_at,
        connection_id=recording.connection_id,
        connection=row.connection,
        sealed_at=sealed_at,
        played=_rendition(recording) or original,
        original=original,
        reasons=reasons,
        let_in=let_in,
    )


def _original(recording: Recording) -> Timeline | None:
    if recording.audio is None or recording.duration is None:
        return None
    size = recording.audio.size
    header = header_bytes(
        codec=recording.codec,
        size=size,
        duration=recording.duration,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
    )
    return Timeline(size=size, duration=recording.duration, header=header)


def _rendition(recording: Recording) -> Timeline | None:
    if recording.rendition is None or recording.duration is None:
        return None
    return Timeline(size=recording.rendition.size, duration=recording.duration, header=HEADER_BYTES)
