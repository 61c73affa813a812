"""The history of one recording as a story: its access events and its row, told in plain sentences.

It says what the log says and no more: bytes that were granted, and where the log has it, sent. Names are
those of the sealed details; where a key was destroyed, the story goes on without them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.audit_log.listening import Listening, Span, Timeline, listenings

_MINUTE, _HOUR = 60, 3600
#: Far less than a sample: what a float may be off.
_ROUNDING = 1e-6
_NOBODY = "somebody"
#: What is said where the seconds of a part cannot be told.
_PART = "a part"
#: Spans that one sentence names; of more it says how many.
_MAX_SPANS = 8
#: What happened, where one name says it all; a result is added to some.
_SENTENCES: Mapping[EventType, str] = {
    "recording.available": "Available",
    "recording.quarantined": "Quarantined",
    "recording.refused": "Refused",
    "recording.failed": "Failed",
    "recording.conflict": "Sent again with other audio, which was not taken",
    "recording.sent_again": "Sent again after it had failed",
    "recording.restricted": "Restricted",
    "recording.unrestricted": "Restriction lifted",
    "recording.erasing": "Erasing",
    "recording.erased": "Erased",
    "recording.tampered": "Tampered: what is stored is not what was sealed",
    "recording.missing": "Asked for while its audio was missing from the object store",
    "recording.missed": "Found in the provider's own list, though no webhook had told of it",
    "source.deleted": "The provider's copy was deleted",
    "source.delete_failed": "The provider's copy could not be deleted yet",
    "source.kept": "The provider's copy was kept",
    "evidence.read": "Evidence read",
    "key.exported": "Key given out by the operator",
}
#: What a code says after a colon, where no reason of the recording says it better.
_WHY = {
    "evidence_complete": "the evidence was complete",
    "no_notice_needed": "no notice was needed",
    "accepted_without_evidence": "the policy accepts what lacks its evidence",
    "released": "an admin released it",
    "again_later": "it will be deleted once more",
    "gone": "it was gone",
}
#: Windows that were granted, and what of them was sent.
_PARTS = frozenset({"playback.grant", "playback.end", "download.grant", "download.end"})
#: What goes without saying.
_SILENT = frozenset({"deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEvent:
    """An access event with its place in the tree, and what its sealed detail says, where it can be opened."""

    index: int
    event: AccessEvent
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What is known of a recording beside its events."""

    received_at: datetime
    #: None for a direct upload.
    connection_id: str | None
    #: The connection's name in its account.
    connection: str | None
    #: None where it was never sealed, or its evidence can no longer be opened.
    sealed_at: datetime | None = None
    #: What listeners get: the rendition where there is one.
    played: Timeline | None = None
    #: What a download gives.
    original: Timeline | None = None
    #: Texts of reasons by their codes.
    reasons: Mapping[str, str] = field(default_factory=dict)
    #: What let the recording in, as a code, by the digest of the evidence that the event names.
    let_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """One sentence of the story."""

    at: datetime
    #: The kind of the event; ``recording.received`` and ``recording.sealed`` are told by the row alone.
    kind: str
    text: str
    #: The first event's place in the tree; None for what is told by the row.
    index: int | None = None
    #: Whole seconds of the sound that were granted, rounded outwards within its duration.
    first_second: int | None = None
    last_second: int | None = None
    listener: str | None = None
    #: Who acted: an API key's id, a link's, a session's, a connection's, ``worker`` or ``operator``.
    actor: str | None = None


def tell(origins: Origins, events: Sequence[OpenedEvent]) -> list[HistoryItem]:
    """Return the story in the order of the log. ``events`` are all those of one recording, by index."""
    names = _Names(events)
    items = [item for one in events if (item := _told(one, origins, names)) is not None]
    parts = listenings((one.index, one.event) for one in events)
    items += [_listened(part, origins, names) for part in parts]
    items.sort(key=lambda item: item.index or 0)
    if origins.sealed_at is not None:
        later = (n for n, item in enumerate(items) if item.at >= origins.sealed_at)
        sealed = HistoryItem(at=origins.sealed_at, kind="recording.sealed", text="Sealed", actor="worker")
        items.insert(next(later, len(items)), sealed)
    return [_received(origins), *items]


class _Names:
    """Who a link was made for: the event of its making says so, and others name the link or its session."""

    def __init__(self, events: Iterable[OpenedEvent]) -> None:
        self._of_link: dict[str, str] = {}
        self._links: dict[str, str] = {}
        for one in events:
            link, session = one.event.link_id, one.event.session_id
            if link is not None and session is not None:
                self._links[session] = link
            if link is not None and "listener" in one.detail:
                self._of_link[link] = one.detail["listener"]

    def of(self, event: AccessEvent) -> str | None:
        link = event.link_id or self._links.get(event.session_id or "")
        return self._of_link.get(link or "")


def _received(origins: Origins) -> HistoryItem:
    by = origins.connection or origins.connection_id
    text = "Uploaded" if by is None else f"Announced by connection {by}"
    return HistoryItem(
        at=origins.received_at, kind="recording.received", text=text, actor=origins.connection_id
    )


def _told(one: OpenedEvent, origins: Origins, names: _Names) -> HistoryItem | None:
    event, listener = one.event, names.of(one.event)
    text = _of_link(one, listener or _NOBODY, origins)
    if text is None and event.type in _PARTS:
        return None  # Windows are joined to parts.
    if text is None:
        text = _SENTENCES.get(event.type, event.type.replace(".", " ").replace("_", " ").capitalize())
        text += _because(event, origins)
    return HistoryItem(
        at=event.at, kind=event.type, text=text, index=one.index, listener=listener, actor=event.actor
    )


def _of_link(one: OpenedEvent, listener: str, origins: Origins) -> str | None:
    """Return the sentence for what is done with a link; None for everything else."""
    event = one.event
    where = f" from {address}" if (address := one.detail.get("address")) else ""
    match event.type:
        case "link.created":
            return f"Link made for {listener}"
        case "link.revoked":
            return f"Link for {listener} revoked"
        case "playback.open":
            return f"Opened by {listener}{where}"
        case "playback.denied":
            return f"Not opened for {listener}{where}{_because(event, origins)}"
        case "waveform.read":
            return f"Waveform seen by {listener if event.session_id else event.actor}"
        case _:
            return None


def _because(event: AccessEvent, origins: Origins) -> str:
    code = event.result or origins.let_in.get(event.evidence or "")
    if code is None or code in _SILENT:
        return ""
    why = _WHY.get(code) or origins.reasons.get(code) or code.replace("_", " ")
    # Reasons are sentences of their own; after a colon they go on with a small letter.
    return f": {why[0].lower()}{why[1:].removesuffix('.')}"


def _listened(part: Listening, origins: Origins, names: _Names) -> HistoryItem:
    event, listener = part.event, names.of(part.event)
    played = event.type == "playback.grant"
    timeline = origins.played if played else origins.original
    span = _seconds(timeline, (part.first, part.end))
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


def _sent(part: Listening, timeline: Timeline | None, who: str) -> str:
    """Say what was sent, as far as the log knows. What was played of it, the log cannot know."""
    granted = _clocks(_seconds(timeline, (part.first, part.end)))
    if part.all_sent:
        return f"Sent {granted} to {who}"
    if not part.sent:
        return f"Granted {granted} to {who}; how much of it was sent is not known"
    spans = [_clocks(_seconds(timeline, span)) for span in part.sent if span[0] < span[1]]
    if not spans:
        return f"Granted {granted} to {who}; nothing of it was sent"
    return f"Sent {_parts(spans)} to {who}, of {granted} that was granted"


def _parts(spans: Sequence[str]) -> str:
    if len(spans) > _MAX_SPANS:
        return f"{len(spans)} parts"
    return _PART if _PART in spans else " and ".join(spans)


def _seconds(timeline: Timeline | None, span: Span) -> Span | None:
    """Return bytes as whole seconds, rounded outwards within the duration; None where they cannot be told."""
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
