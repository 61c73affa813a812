"""Audio requests, reconstructed from the events of their grant windows.

An event does not name its request. A grant extends the open request that ends where the grant begins. An end
event belongs to the open request with the best matching length, since grants are at most one window ahead of
the sent bytes. A session of n events costs O(n log n), whatever its listener did.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType

#: By end event: its grant event.
GRANT_OF: Mapping[EventType, EventType] = {
    "playback.end": "playback.grant",
    "download.end": "download.grant",
}
GRANTS = frozenset(GRANT_OF.values())
#: Pairs per block: inserting into a longer block would cost more than finding the block.
_MAX_BLOCK_LENGTH = 1024
#: The length of a request, and its index in the list.
_Pair = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Request:
    """One request for audio: the event of its first grant, and the granted bytes [first, end)."""

    event: AccessEvent
    index: int
    first: int
    end: int
    #: Bytes; None until the end event was read.
    sent: int | None = None


class Requests:
    """The requests of one session or one API key. Its events must be added in log order."""

    def __init__(self) -> None:
        """Create an empty collection."""
        self._all: list[Request] = []
        # Indexes of requests by the byte at which they continue, smallest first; some entries are stale.
        self._ending_at: dict[tuple[EventType, int], list[int]] = {}
        self._open: dict[EventType, _Ordered] = {kind: _Ordered() for kind in GRANTS}

    def __iter__(self) -> Iterator[Request]:
        """Iterate over the requests, ordered by first grant."""
        return iter(self._all)

    @property
    def any_open(self) -> bool:
        """Return whether a request has no end event yet."""
        return any(self._open.values())

    def take(self, index: int, event: AccessEvent) -> None:
        """Add the next event; events other than grants and ends are ignored."""
        if event.type in GRANTS:
            self._granted(index, event)
        elif event.type in GRANT_OF:
            self._ended(event)

    def _granted(self, index: int, event: AccessEvent) -> None:
        if event.first is None or event.end is None:
            return
        place = self._pop_continued(event.type, event.first)
        if place is None:
            place = len(self._all)
            self._all.append(Request(event=event, index=index, first=event.first, end=event.end))
        else:
            request = self._all[place]
            self._open[event.type].remove((request.end - request.first, place))
            request.end = event.end
        request = self._all[place]
        self._open[event.type].add((request.end - request.first, place))
        heappush(self._ending_at.setdefault((event.type, request.end), []), place)

    def _pop_continued(self, kind: EventType, position: int) -> int | None:
        """Remove and return the first open request that ends at a position."""
        places = self._ending_at.get((kind, position), [])
        continued: int | None = None
        while places and continued is None:
            place = heappop(places)
            if self._all[place].sent is None and self._all[place].end == position:
                continued = place
        if not places:
            self._ending_at.pop((kind, position), None)
        return continued

    def _ended(self, event: AccessEvent) -> None:
        sent, waiting = event.end or 0, self._open[GRANT_OF[event.type]]
        match = waiting.first_from((sent, -1))
        if match is not None:
            waiting.remove(match)
            self._all[match[1]].sent = sent


class _Ordered:
    """A sorted list of pairs, in blocks, so that an insertion moves only one block."""

    def __init__(self) -> None:
        self._blocks: list[list[_Pair]] = []

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, pair: _Pair) -> None:
        if not self._blocks:
            self._blocks.append([pair])
            return
        place = min(self._block_of(pair), len(self._blocks) - 1)
        block = self._blocks[place]
        insort(block, pair)
        if len(block) > _MAX_BLOCK_LENGTH:
            half = len(block) // 2
            self._blocks.insert(place + 1, block[half:])
            del block[half:]

    def remove(self, pair: _Pair) -> None:
        """Remove an existing pair."""
        place = self._block_of(pair)
        block = self._blocks[place]
        del block[bisect_left(block, pair)]
        if not block:
            del self._blocks[place]

    def first_from(self, pair: _Pair) -> _Pair | None:
        """Return the smallest pair that is not below ``pair``."""
        place = self._block_of(pair)
        if place == len(self._blocks):
            return None
        block = self._blocks[place]
        return block[bisect_left(block, pair)]

    def _block_of(self, pair: _Pair) -> int:
        return bisect_left(self._blocks, pair, key=lambda block: block[-1])
