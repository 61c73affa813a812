"""One session and many requests concurrently: each is served, and the log has one open and a grant for every byte."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.faults.server import vault_process
from tests.support.audio_listener import Seat, covered, hear, take_seat
from tests.support.counts import count
from tests.support.raw_client import PATIENCE, Client, ask
from tests.support.telephone_audio import wav
from tests.support.whole_log import read_account_export
from vault.domain.playback.link import windows

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_SIZE = 5_000_044
_AT_ONCE = 50
Span = tuple[int, int]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_fifty_ranges_at_once_are_one_session(
    folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """All are answered with their bytes; the log tells one open, and the windows of each range, once."""
    rounds = count(f"times fifty ranges at once in one session on {kind}", small=1, full=20)
    settings = {}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    chance, body = random.Random(20261125), wav(_SIZE, 17)  # noqa: S311 - the same again
    with vault_process(folder, **settings) as (_, client), ThreadPoolExecutor(_AT_ONCE) as together:
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        key = ask(client.base, "GET", "/v1/access-log/key").body.decode()
        for _ in range(rounds):
            seat, spans, start = take_seat(client, recording_id), _spans(chance), Barrier(_AT_ONCE)

            def fetch(span: Span, seat: Seat = seat, start: Barrier = start) -> tuple[int, bytes]:
                start.wait(30)
                hearing = hear(client, seat, part=f"bytes={span[0]}-{span[1] - 1}")
                hearing.read_on()
                hearing.close()
                return hearing.status, bytes(hearing.body)

            for (first, end), answer in zip(spans, together.map(fetch, spans), strict=True):
                assert answer == (206, body[first:end])
            _told_in_full(_of_session(client, key, seat), spans)
    print(f"{rounds * _AT_ONCE} ranges heard in {rounds} sessions")


def _spans(chance: random.Random) -> list[Span]:
    """Return ranges of every magnitude that overlap, and some that are the same."""
    spans = [(0, _SIZE), (0, _SIZE), (0, 1), (0, 1), (_SIZE - 1, _SIZE)]
    while len(spans) < _AT_ONCE:
        length = int(2 ** chance.uniform(0, 21))
        first = chance.randrange(_SIZE - length + 1)
        spans.append((first, first + length))
    return spans


def _of_session(client: Client, key: str, seat: Seat) -> list[dict]:
    """Return what the log says of a session, once it has the end of every answer."""
    deadline = time.monotonic() + PATIENCE
    while True:
        export = client.rest("GET", f"{client.home}/access-log/export").body
        logged = read_account_export(export, key)
        events = [event for _, event in sorted(logged.items()) if event.get("session") == seat.session_id]
        if sum(one["type"] == "playback.end" for one in events) == _AT_ONCE:
            return events
        assert time.monotonic() < deadline, Counter(one["type"] for one in events)
        time.sleep(0.1)


def _told_in_full(events: list[dict], spans: list[Span]) -> None:
    assert [one["type"] for one in events].count("playback.open") == 1
    assert events[0]["type"] == "playback.open"
    assert all(covered(events)(first, end) for first, end in spans)
    # Overlapping ranges would hide one that was never granted: each has its own.
    granted = Counter((one["first"], one["end"]) for one in events if one["type"] == "playback.grant")
    assert granted == Counter(window for span in spans for window in windows(*span))
    ended = Counter(one["end"] for one in events if one["type"] == "playback.end")
    assert ended == Counter(end - first for first, end in spans)
