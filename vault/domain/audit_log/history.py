"""The history of one recording: its access events and its row, as plain sentences.

The sentences of events are in the table of their types (``event_types/``). The history contains only what the log
contains: granted bytes and, where known, sent bytes; and marked as such, what a player said that it played. Listeners'
names are from the sealed details; where a key was destroyed, they are left out.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.event_rules import NoSentence
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.audit_log.listening import Listening, Span, Timeline, heard, listenings

_MINUTE, _HOUR = 60, 3600
#: Tolerance for float errors; far shorter than a sample.
_ROUNDING = 1e-6
_NOBODY = "somebody"
#: Text for a part whose seconds are unknown.
_PART = "a part"
#: Maximum number of spans listed in one sentence; for more only their number is given.
_MAX_SPANS = 8
#: Reason texts by result code; they take precedence over the recording's own reasons.
_WHY = {
    "evidence_complete": "the evidence was complete",
    "no_notice_needed": "no notice was needed",
    "accepted_without_evidence": "the policy accepts missing evidence",
    "released": "an admin released it",
    "again_later": "the deletion will be retried",
    "gone": "it no longer existed",
    "elsewhere": "the address is in no network of the link",
}
#: Result codes without a reason text.
_SILENT = frozenset({"deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEvent:
    """An access event with its index in the tree, and its sealed detail, empty where it cannot be opened."""

    index: int
    event: AccessEvent
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Facts about a recording from sources other than its events."""

    received_at: datetime
    #: None for a direct upload.
    connection_id: str | None
    #: The connection's name in its account.
    connection: str | None
    #: None where it was never sealed, or its evidence can no longer be decrypted.
    sealed_at: datetime | None = None
    #: The audio for listeners: the rendition where there is one.
    played: Timeline | None = None
    #: The audio for downloads.
    original: Timeline | None = None
    #: Reason texts by code.
    reasons: Mapping[str, str] = field(default_factory=dict)
    #: By evidence digest: the code of the reason why the recording was admitted.
    let_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """One sentence of the history."""

    at: datetime
    #: The event type; ``recording.received`` and ``recording.sealed`` come from the row, not from an event.
    kind: str
    text: str
    #: The first event's index in the tree; None for items from the row.
    index: int | None = None
    #: Granted whole seconds of the audio, rounded outwards within its duration.
    first_second: int | None = None
    last_second: int | None = None
    listener: str | None = None
    #: Id of an API key, link, session or connection; ``worker`` or ``operator``.
    actor: str | None = None


def write_history(origins: Origins, events: Sequence[OpenedEvent]) -> list[HistoryItem]:
    """Return a recording's history in log order. ``events`` are all its events, by index."""
    names = _Names(events)
    items = [item for opened in events if (item := _event_item(opened, origins, names)) is not None]
    parts = listenings((opened.index, opened.event) for opened in events)
    items += [_part_item(part, origins, names) for part in parts]
    items += _heard_items(events, names)
    items.sort(key=lambda item: item.index or 0)
    if origins.sealed_at is not None:
        later = (n for n, item in enumerate(items) if item.at >= origins.sealed_at)
        sealed = HistoryItem(at=origins.sealed_at, kind="recording.sealed", text="Sealed", actor="worker")
        items.insert(next(later, len(items)), sealed)
    return [_received_item(origins), *items]


class _Names:
    """Listeners' names by link: ``link.created`` has the name, other events have the link or its session."""

    def __init__(self, events: Iterable[OpenedEvent]) -> None:
        self._of_link: dict[str, str] = {}
        self._links: dict[str, str] = {}
        for opened in events:
            link, session = opened.event.link_id, opened.event.session_id
            if link is not None and session is not None:
                self._links[session] = link
            if link is not None and "listener" in opened.detail:
                self._of_link[link] = opened.detail["listener"]

    def of(self, event: AccessEvent) -> str | None:
        link = event.link_id or self._links.get(event.session_id or "")
        return self._of_link.get(link or "")


def _received_item(origins: Origins) -> HistoryItem:
    by = origins.connection or origins.connection_id
    text = "Uploaded" if by is None else f"Announced by connection {by}"
    return HistoryItem(
        at=origins.received_at, kind="recording.received", text=text, actor=origins.connection_id
    )


def _event_item(opened: OpenedEvent, origins: Origins, names: _Names) -> HistoryItem | None:
    event, listener = opened.event, names.of(opened.event)
    sentence = _sentence(event)
    if sentence is None:
        return None
    address = opened.detail.get("address")
    text = sentence.format(
        listener=listener or _NOBODY,
        where=f" from {address}" if address else "",
        who=(listener or _NOBODY) if event.session_id else event.actor,
        why=_because(event, origins),
    )
    return HistoryItem(
        at=event.at, kind=event.type, text=text, index=opened.index, listener=listener, actor=event.actor
    )


def _sentence(event: AccessEvent) -> str | None:
    """Return the sentence of an event, with its holes; None for one that is merged into a part."""
    if event.type == "link.created" and event.permission is not None:
        return "Link signed by the account's own key used for {listener}"
    rules = EVENT_TYPES.get(event.type)
    sentence = NoSentence.OF_NO_RECORDING if rules is None else rules.sentence
    if sentence is NoSentence.OF_NO_RECORDING:
        # Written by a later release, or about a recording only by its side.
        return event.type.replace(".", " ").replace("_", " ").capitalize() + "{why}"
    return None if sentence is NoSentence.MERGED else sentence


def _because(event: AccessEvent, origins: Origins) -> str:
    code = event.result or origins.let_in.get(event.evidence or "")
    if code is None or code in _SILENT:
        return ""
    why = _WHY.get(code) or origins.reasons.get(code) or code.replace("_", " ")
    # Reasons are full sentences; after a colon they start with a lower-case letter.
    return f": {why[0].lower()}{why[1:].removesuffix('.')}"


def _part_item(part: Listening, origins: Origins, names: _Names) -> HistoryItem:
    event, listener = part.event, names.of(part.event)
    played = event.type == "playback.grant"
    timeline = origins.played if played else origins.original
    span = whole_seconds(timeline, (part.first, part.end))
    who = event.actor if event.session_id is None else listener or _NOBODY
    return HistoryItem(
        at=event.at,
        kind=event.type,
        text=_sent(part, timeline, who if played else f"{who} as a file"),
        index=part.index,
        first_second=None if span is None else span[0],
        last_second=None if span is None else span[1],
        listener=listener,
        actor=event.actor,
    )


def _heard_items(events: Sequence[OpenedEvent], names: _Names) -> list[HistoryItem]:
    """Return one sentence for each session whose player reported; it stands where the first report is."""
    reports: defaultdict[str, list[OpenedEvent]] = defaultdict(list)
    for opened in events:
        if opened.event.type == "playback.heard" and "heard" in opened.detail:
            reports[opened.event.actor].append(opened)
    return [_heard_item(of_session, names) for of_session in reports.values()]


def _heard_item(reports: Sequence[OpenedEvent], names: _Names) -> HistoryItem:
    first, spans = reports[0], heard(report.detail["heard"] for report in reports)
    listener = names.of(first.event)
    return HistoryItem(
        at=first.event.at,
        kind=first.event.type,
        text=f"Played {_parts([_clocks(span) for span in spans])}, "
        f"as the player of {listener or _NOBODY} reports; this cannot be checked",
        index=first.index,
        first_second=spans[0][0],
        last_second=spans[-1][1],
        listener=listener,
        actor=first.event.actor,
    )


def _sent(part: Listening, timeline: Timeline | None, who: str) -> str:
    """Return the sentence about the sent bytes, as far as the log knows."""
    granted = _clocks(whole_seconds(timeline, (part.first, part.end)))
    if part.all_sent:
        return f"Sent {granted} to {who}"
    if not part.sent:
        return f"Granted {granted} to {who}; how much of it was sent is not known"
    spans = [_clocks(whole_seconds(timeline, span)) for span in part.sent if span[0] < span[1]]
    if not spans:
        return f"Granted {granted} to {who}; nothing of it was sent"
    return f"Sent {_parts(spans)} to {who}, of {granted} that was granted"


def _parts(spans: Sequence[str]) -> str:
    if len(spans) > _MAX_SPANS:
        return f"{len(spans)} parts"
    return _PART if _PART in spans else " and ".join(spans)


def whole_seconds(timeline: Timeline | None, span: Span) -> Span | None:
    """Convert bytes to whole seconds, rounded outwards within the duration; None where they are unknown."""
    if timeline is None:
        return None
    first, last = timeline.second(span[0]), timeline.second(span[1])
    if first is None or last is None:
        return None
    whole = math.floor(timeline.duration + _ROUNDING)
    return math.floor(first + _ROUNDING), min(math.ceil(last - _ROUNDING), whole)


def _clocks(span: Span | None) -> str:
    return _PART if span is None else f"{_clock(span[0])}-{_clock(span[1])}"


def _clock(seconds: int) -> str:
    minutes = f"{seconds % _HOUR // _MINUTE:02}:{seconds % _MINUTE:02}"
    return minutes if seconds < _HOUR else f"{seconds // _HOUR}:{minutes}"
