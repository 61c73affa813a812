"""Events of a session, put together into requests: as by looking at every pair, and in little time."""

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.audio_requests import Requests
from vault.domain.audit_log.listening import last_words, listenings

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def event(kind: str, first: int | None, end: int | None) -> AccessEvent:
    """Return an event of one session."""
    return AccessEvent(
        type=kind,  # type: ignore[arg-type]
        at=NOON,
        account_id="acc_1",
        actor="sess_1",
        id="evt_1",
        session_id="sess_1",
        first=first,
        end=end,
    )


def paired(events: Sequence[AccessEvent]) -> list[list[int | str | None]]:
    """Return [kind, first, end, sent] of each request: the rule itself, which looks at all pairs."""
    found: list[list[int | str | None]] = []
    for one in events:
        kind, first, end = one.type, one.first, one.end
        if kind.endswith(".grant") and first is not None and end is not None:
            same = (r for r in found if r[3] is None and r[2] == first and r[0] == kind)
            if (request := next(same, None)) is not None:
                request[2] = end
            else:
                found.append([kind, first, end, None])
        elif kind.endswith(".end"):
            sent, grant = end or 0, kind.replace(".end", ".grant")
            open_ones = [r for r in found if r[3] is None and r[0] == grant]
            fitting = [r for r in open_ones if sent <= r[2] - r[1]]  # type: ignore[operator]
            if fitting:
                min(fitting, key=lambda r: r[2] - r[1])[3] = sent  # type: ignore[operator]
    return found


POSITIONS = st.integers(0, 12)
GRANTED = st.builds(
    lambda kind, first, length: event(f"{kind}.grant", first, first + length),
    st.sampled_from(["playback", "download"]),
    POSITIONS,
    st.integers(0, 4),
)
ENDED = st.builds(
    lambda kind, sent: event(f"{kind}.end", None, sent),
    st.sampled_from(["playback", "download"]),
    st.none() | POSITIONS,
)
OTHER = st.sampled_from([event("waveform.read", None, None), event("playback.grant", None, 3)])


@settings(deadline=None, max_examples=400)
@given(st.lists(GRANTED | ENDED | OTHER, max_size=40))
def test_requests_are_those_of_the_rule(events: list[AccessEvent]):
    """Whatever a small session did: the same requests, in the same order, with the same ends."""
    requests = Requests()
    for index, one in enumerate(events):
        requests.take(index, one)
    found = [[one.event.type, one.first, one.end, one.sent] for one in requests]
    assert found == paired(events)
    assert requests.any_open == any(one.sent is None for one in requests)
    missing = [(one.type, one.end) for one in last_words(requests, at=NOON)]
    assert missing == [
        (str(kind).replace("grant", "end"), end - first)  # type: ignore[operator]
        for kind, first, end, sent in paired(events)
        if sent is None
    ]


def answered(n: int) -> list[AccessEvent]:
    """Return n requests for one byte, each with its end."""
    pair = [event("playback.grant", 0, 1), event("playback.end", None, 1)]
    return pair * n


def left_open(n: int) -> list[AccessEvent]:
    """Return n requests of many lengths that all run concurrently, and then their ends."""
    grants = [event("playback.grant", 3 * (k * 7919 % n), 3 * (k * 7919 % n) + 1 + k % 2) for k in range(n)]
    return grants + [event("playback.end", None, 1 + k % 2) for k in range(n)]


def in_windows(n: int) -> list[AccessEvent]:
    """Return one request of n windows."""
    return [event("playback.grant", k, k + 1) for k in range(n)]


def in_part(n: int) -> list[AccessEvent]:
    """Return n parts that touch, half of each sent."""
    pairs = ([event("playback.grant", 2 * k, 2 * k + 2), event("playback.end", None, 1)] for k in range(n))
    return list(itertools.chain.from_iterable(pairs))


def cpu(*works: Callable[[], object]) -> list[float]:
    """Return the least CPU time of three runs of each in this thread. They run in turn: load reaches all of them."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(3):
        for times, work in zip(spent, works, strict=True):
            begun = time.thread_time()
            work()
            times.append(time.thread_time() - begun)
    return [min(times) for times in spent]


@pytest.mark.parametrize("session", [answered, left_open, in_windows, in_part])
def test_time_grows_with_the_session(session: Callable[[int], list[AccessEvent]]):
    """Eight times the requests cost about eight times the time; looking at all pairs would cost 64 times."""
    few, many = (list(enumerate(session(n))) for n in (1_000, 8_000))
    short, long = cpu(lambda: listenings(few), lambda: listenings(many))
    assert long < 24 * short
