"""Windows of bytes that were granted and sent, joined into what one listener or one download got.

A grant is an upper bound of what left; ``playback.end``, or ``download.end``, says how many bytes of one
request really did. Which grants and which end are one request: see ``requests.py``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.audio_requests import GRANT_OF, Request, Requests

Span = tuple[int, int]
#: Bytes of one sample of one channel, by FFmpeg's names: what makes a byte of a file a moment of its sound.
_WIDTHS = {
    "pcm_u8": 1, "pcm_s8": 1, "pcm_mulaw": 1, "pcm_alaw": 1, "pcm_s16le": 2, "pcm_s16be": 2, "pcm_s24le": 3,
    "pcm_s24be": 3, "pcm_s32le": 4, "pcm_s32be": 4, "pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8,
}  # fmt: skip

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


def listenings(events: Iterable[tuple[int, AccessEvent]]) -> list[Listening]:
    """Return every part that was granted, in the order of the log.

    What touches is joined within a session. A download is one request: the same bytes twice are two.
    """
    requests: defaultdict[str, Requests] = defaultdict(Requests)
    for index, event in events:
        if event.result != UPPER_BOUND:
            requests[event.session_id or event.actor].take(index, event)
    found: list[Listening] = []
    for of_one in requests.values():
        played = [request for request in of_one if request.event.type == "playback.grant"]
        found += [_listening([one]) for one in of_one if one.event.type != "playback.grant"]
        found += [_listening(touching) for touching in _touching(played)]
    return sorted(found, key=lambda part: part.index)


def last_words(requests: Requests, *, at: datetime) -> list[AccessEvent]:
    """Return an end for each request of a session that has none: everything granted, an upper bound."""
    end_of = {grant: end for end, grant in GRANT_OF.items()}
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


def _touching(requests: Sequence[Request]) -> Iterator[list[Request]]:
    """Put together what has no gap between."""
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


def _listening(requests: Sequence[Request]) -> Listening:
    earliest = min(requests, key=lambda request: request.index)
    return Listening(
        event=earliest.event,
        index=earliest.index,
        first=requests[0].first,
        end=max(request.end for request in requests),
        sent=_union([(one.first, one.first + one.sent) for one in requests if one.sent is not None]),
    )


def _union(spans: Sequence[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for first, end in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return tuple(found)
