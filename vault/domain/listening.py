"""Windows of bytes that were granted and sent, joined into what one listener or one download got.

A grant is an upper bound of what left; ``playback.end``, or ``download.end``, says how many bytes of one
request really did. It does not name its request, so it is taken for the one that it fits best: a request is
granted at most one window ahead of what is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.access_event import AccessEvent, EventType

Span = tuple[int, int]
#: Bytes of one sample of one channel, by FFmpeg's names: what makes a byte of a file a moment of its sound.
_WIDTHS = {
    "pcm_u8": 1, "pcm_s8": 1, "pcm_mulaw": 1, "pcm_alaw": 1, "pcm_s16le": 2, "pcm_s16be": 2, "pcm_s24le": 3,
    "pcm_s24be": 3, "pcm_s32le": 4, "pcm_s32be": 4, "pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8,
}  # fmt: skip

#: The event that says what was sent, and the one that granted it.
_GRANT_OF: Mapping[EventType, EventType] = {
    "playback.end": "playback.grant",
    "download.end": "download.grant",
}


#: The result of an end that the vault writes for a request whose process died: at most this was sent.
UPPER_BOUND = "upper_bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Where in a sound its bytes are."""

    #: Plaintext bytes.
    size: int
    #: Seconds.
    duration: float
    #: Bytes before the first sample; None where the bit rate is not constant, so that only the ends are known.
    header: int | None

    def second(self, position: int) -> float | None:
        """Return the second at which a byte stands; None where it cannot be told."""
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
    """Return what of a file is no sample; None where the codec has no constant bit rate, or a figure is missing."""
    width = _WIDTHS.get(codec or "")
    if width is None or not sample_rate or not channels:
        return None
    header = size - round(duration * sample_rate) * channels * width
    return header if 0 <= header < size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """One part of the audio that somebody got, without a gap."""

    #: The event of the first grant, and its index in the tree.
    event: AccessEvent
    index: int
    #: Plaintext bytes [first, end) that were granted.
    first: int
    end: int
    #: What of them was sent, as far as the log says so.
    sent: tuple[Span, ...]

    @property
    def all_sent(self) -> bool:
        """Say whether everything that was granted was sent."""
        return self.sent == ((self.first, self.end),)


@dataclass(slots=True, kw_only=True)
class _Request:
    """One request for audio, while its windows are read."""

    event: AccessEvent
    index: int
    first: int
    end: int
    #: Bytes; None until its end is read.
    sent: int | None = None

    def listening(self) -> Listening:
        sent = () if self.sent is None else ((self.first, self.first + self.sent),)
        return Listening(event=self.event, index=self.index, first=self.first, end=self.end, sent=sent)


def listenings(events: Iterable[tuple[int, AccessEvent]]) -> list[Listening]:
    """Return every part that was granted, in the order of the log.

    What touches is joined within a session. A download is one request: the same bytes twice are two.
    """
    requests: dict[str, list[_Request]] = {}
    for index, event in events:
        known = requests.setdefault(event.session_id or event.actor, [])
        if event.type in _GRANT_OF.values():
            _granted(known, index, event)
        elif event.type in _GRANT_OF and event.result != UPPER_BOUND:
            _ended(known, event)
    found: list[Listening] = []
    for of_one in requests.values():
        parts = [request.listening() for request in of_one]
        played = [part for part in parts if part.event.type == "playback.grant"]
        found += [*_joined(played), *(part for part in parts if part.event.type != "playback.grant")]
    return sorted(found, key=lambda part: part.index)


def last_words(events: Iterable[AccessEvent], *, at: datetime) -> list[AccessEvent]:
    """Return an end for each request of one session that has none: all it was granted, as an upper bound.

    ``events`` are all those of the session, in the order of the log.
    """
    requests: list[_Request] = []
    for event in events:
        if event.type in _GRANT_OF.values():
            _granted(requests, 0, event)
        elif event.type in _GRANT_OF:
            _ended(requests, event)
    end_of = {grant: end for end, grant in _GRANT_OF.items()}
    return [
        AccessEvent(
            type=end_of[one.event.type],
            at=at,
            account_id=one.event.account_id,
            actor="worker",
            recording_id=one.event.recording_id,
            link_id=one.event.link_id,
            session_id=one.event.session_id,
            end=one.end - one.first,
            result=UPPER_BOUND,
        )
        for one in requests
        if one.sent is None
    ]


def _granted(requests: list[_Request], index: int, event: AccessEvent) -> None:
    if event.first is None or event.end is None:
        return
    for request in requests:
        if request.sent is None and request.end == event.first and request.event.type == event.type:
            request.end = event.end
            return
    requests.append(_Request(event=event, index=index, first=event.first, end=event.end))


def _ended(requests: list[_Request], event: AccessEvent) -> None:
    sent = event.end or 0
    kind = _GRANT_OF[event.type]
    open_ones = [one for one in requests if one.sent is None and one.event.type == kind]
    fitting = [one for one in open_ones if sent <= one.end - one.first]
    if fitting:
        min(fitting, key=lambda one: one.end - one.first).sent = sent


def _joined(parts: Sequence[Listening]) -> list[Listening]:
    found: list[Listening] = []
    for part in sorted(parts, key=lambda part: part.first):
        if not found or part.first > found[-1].end:
            found.append(part)
            continue
        before = found.pop()
        earliest = min(before, part, key=lambda part: part.index)
        found.append(
            Listening(
                event=earliest.event,
                index=earliest.index,
                first=before.first,
                end=max(before.end, part.end),
                sent=_union([*before.sent, *part.sent]),
            )
        )
    return found


def _union(spans: Sequence[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for first, end in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return tuple(found)
