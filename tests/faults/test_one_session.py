"""One session and many requests concurrently: each is served, and the log has one open and a grant for every byte.

Two who open one link concurrently: one of them has a session, and the other is told what everyone is told.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.faults.server import vault_process
from tests.faults.switch_check import looking_at
from tests.support.audio_listener import Seat, covered, hear, open_link, take_seat
from tests.support.counts import count
from tests.support.raw_client import PATIENCE, Answer, Client, ask
from tests.support.telephone_audio import wav
from tests.support.whole_log import read_account_export
from vault.domain.playback.link import windows

pytestmark = pytest.mark.faults


_SIZE = 5_000_044
_AT_ONCE = 50
Span = tuple[int, int]


@pytest.mark.timeout(900)
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


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_of_two_opens_at_once_one_succeeds(folder: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """On a link of one session, over HTTP, every time: one 303, one 404, one session, and both on record."""
    rounds = count(f"races for a session on {kind}", small=10, full=200)
    # Behind a proxy each race has an address of its own, because one that meets many dead links must wait.
    settings = {"VAULT_TRUSTED_PROXIES": "127.0.0.0/8"}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    with vault_process(folder, **settings) as (server, client), ThreadPoolExecutor(2) as both:
        look = looking_at(settings.get("VAULT_DATABASE_URL", server.database))
        recording_id = client.put("call-1", wav(844, 1), 844).json["id"]
        client.wait_for(recording_id)
        links = f"{client.home}/recordings/{recording_id}/links"
        losers = set()
        for number in range(rounds):
            url = client.rest("POST", links, {"listener": "Kim", "sessions": 1}).json["url"]
            together = threading.Barrier(2)

            def press(
                nonce: str, url: str = url, number: int = number, together: threading.Barrier = together
            ) -> Answer:
                together.wait(30)
                return open_link(client.base, url, nonce, {"X-Forwarded-For": f"10.0.0.{number}"})

            winner, loser = sorted(both.map(press, ("first", "second")), key=lambda answer: answer.status)
            assert (winner.status, loser.status) == (303, 404)
            losers.add(loser.body)
        assert len(losers) == 1
        opened = look("SELECT link_id, count(*) AS sessions FROM sessions GROUP BY link_id")
        assert [row["sessions"] for row in opened] == [1] * rounds
        kinds = _kinds(client, recording_id)
        while len(kinds) < 1 + 3 * rounds:
            # On PostgreSQL the last one waits for the sequencer.
            time.sleep(0.1)
            kinds = _kinds(client, recording_id)
    print(f"{kinds.count('playback.open')} opened, {kinds.count('playback.denied')} denied")
    assert kinds.count("playback.open") == kinds.count("playback.denied") == rounds


def _kinds(client: Client, recording_id: str) -> list[str]:
    said = client.rest("GET", f"{client.home}/access-events?limit=1000&recording={recording_id}").json
    return [event["type"] for event in said["items"]]
