"""Merges granted and sent byte windows into the parts that one listener or one download received.

A grant is an upper bound of the sent bytes; ``playback.end`` or ``download.end`` has the number of bytes of one
request that were sent. How grants and ends are matched to requests: see ``audio_requests.py``.

What was heard only a player can say: ``playback.heard`` has the seconds that it played since its last report.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.audio_requests import GRANT_OF, Request, Requests

Span = tuple[int, int]
#: Bytes per sample and channel of the codecs whose seconds all have as many bytes, by FFmpeg's names.
STEADY_CODECS: Final[Mapping[str, int]] = {
    "pcm_u8": 1, "pcm_s8": 1, "pcm_mulaw": 1, "pcm_alaw": 1, "pcm_s16le": 2, "pcm_s16be": 2, "pcm_s24le": 3,
    "pcm_s24be": 3, "pcm_s32le": 4, "pcm_s32be": 4, "pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8,
}  # fmt: skip
#: The result code of an end event that the vault writes for a request whose process died: at most this was sent.
UPPER_BOUND = "upper_bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Converts byte positions of a recording to seconds."""

    #: Plaintext bytes.
    size: int
    #: Seconds.
    duration: float
    #: Bytes before the first sample; None where the bit rate varies, so that only start and end are known.
    header: int | None

    def second(self, position: int) -> float | None:
        """Return the second of a byte position; None where it is unknown."""
        if position <= 0:
            return 0.0
        if position >= self.size:
            return self.duration
        if self.header is None:
            return None
        return max(0.0, position - self.header) / (self.size - self.header) * self.duration


def header_bytes(
    *, codec: str | None, size: int, duration: float, sample_rate: int | None, channels: int | None
) -> int | None:
    """Return the bytes before the first sample; None for a variable bit rate, or where a value is missing."""
    width = STEADY_CODECS.get(codec or "")
    if width is None or not sample_rate or not channels:
        return None
    header = size - round(duration * sample_rate) * channels * width
    return header if 0 <= header < size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """One contiguous part of the audio that was granted to a listener."""

    #: The event of the first grant, and its index in the tree.
    event: AccessEvent
    index: int
    #: Granted plaintext bytes [first, end).
    first: int
    end: int
    #: Those of them that were sent, as far as the log knows.
    sent: tuple[Span, ...]

    @property
    def all_sent(self) -> bool:
        """Return whether all granted bytes were sent."""
        return self.sent == ((self.first, self.end),)


def listenings(events: Iterable[tuple[int, AccessEvent]]) -> list[Listening]:
    """Return every granted part, in log order.

    Adjacent and overlapping requests of a session are merged; each download request stays separate.
    """
    requests: defaultdict[str, Requests] = defaultdict(Requests)
    for index, event in events:
        if event.result != UPPER_BOUND:
            requests[event.session_id or event.actor].take(index, event)
    parts: list[Listening] = []
    for group in requests.values():
        played = [request for request in group if request.event.type == "playback.grant"]
        parts += [_merge([request]) for request in group if request.event.type != "playback.grant"]
        parts += [_merge(adjacent) for adjacent in _adjacent(played)]
    return sorted(parts, key=lambda part: part.index)


def encode_heard(spans: Iterable[tuple[float, float]], *, duration: float) -> str:
    """Return what a player reports, merged and in whole seconds: ``0-12,40-55``.

    They are rounded outwards within the whole seconds of the audio, as those of a grant are.
    """
    end = max(1, math.floor(duration))
    whole = ((math.floor(first), min(math.ceil(last), end)) for first, last in spans)
    return ",".join(f"{first}-{last}" for first, last in union(span for span in whole if span[0] < span[1]))


def heard(reports: Iterable[str]) -> tuple[Span, ...]:
    """Return the whole seconds [first, end) that the reports of one session say."""
    spans = [span.split("-") for report in reports for span in report.split(",") if span]
    return union((int(first), int(end)) for first, end in spans)


def last_words(requests: Requests, *, at: datetime) -> list[AccessEvent]:
    """Return an end event for each request of a session without one; its bytes, all granted, are an upper bound."""
    end_of = {grant: end for end, grant in GRANT_OF.items()}
    return [
        AccessEvent(
            type=end_of[request.event.type],
            at=at,
            account_id=request.event.account_id,
            actor="worker",
            recording_id=request.event.recording_id,
            link_id=request.event.link_id,
            session_id=request.event.session_id,
            end=request.end - request.first,
            result=UPPER_BOUND,
        )
        for request in requests
        if request.sent is None
    ]


def _adjacent(requests: Sequence[Request]) -> Iterator[list[Request]]:
    """Group requests that have no gap between them."""
    group: list[Request] = []
    end = 0
    for request in sorted(requests, key=lambda request: request.first):
        if group and request.first > end:
            yield group
            group = []
        end = max(end, request.end) if group else request.end
        group.append(request)
    if group:
        yield group


def _merge(requests: Sequence[Request]) -> Listening:
    earliest = min(requests, key=lambda request: request.index)
    return Listening(
        event=earliest.event,
        index=earliest.index,
        first=requests[0].first,
        end=max(request.end for request in requests),
        sent=union((each.first, each.first + each.sent) for each in requests if each.sent is not None),
    )


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same in order, without overlap and adjacency."""
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    return tuple(merged)
