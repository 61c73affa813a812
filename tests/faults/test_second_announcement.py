"""Four ways to lose a recording behind a 2xx, with a kill after each step: each ends available, on both databases.

A platform that repeats itself at the same moment gets one recording.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault, vault_process
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Answer, Client
from tests.support.telephone_audio import wav

pytestmark = pytest.mark.faults


#: A step sends one request, and returns what was answered and the digest that the recording must have then.
Step = Callable[[], tuple[Answer, str]]
#: Bytes of a recording.
_SIZE = 40_044


def steps_of(way: str, client: Client, media: MediaThread, number: int) -> list[Step]:
    """Return the requests of one way, of which each may be the last one before a kill."""
    ref = f"{way.replace(chr(32), chr(45))}-{number}"
    first, second = wav(_SIZE, 2 * number), wav(_SIZE, 2 * number + 1)
    good, better = media.serve(f"/{ref}/1.wav", first), media.serve(f"/{ref}/2.wav", second)
    gone = media.on(f"/{ref}/gone.wav", answer(status=410))
    login = media.on(f"/{ref}/login.wav", answer(status=302, headers={"Location": good}))
    one, two = (hashlib.sha256(body).hexdigest() for body in (first, second))
    ways: dict[str, list[Step]] = {
        "same name": [
            lambda: (client.announce(f"{ref}-a", good, recording_ref="1"), one),
            lambda: (client.announce(f"{ref}-b", better, recording_ref="1"), two),
        ],
        "announced again": [
            lambda: (client.announce(ref, gone), ""),
            lambda: (client.announce(ref, better), two),
        ],
        "uploaded over": [
            lambda: (client.announce(ref, gone), ""),
            lambda: (client.put(ref, second, len(second)), two),
        ],
        "redirected": [lambda: (client.announce(ref, login), one)],
    }
    return ways[way]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def server(request: pytest.FixtureRequest, folder: Path, media: MediaThread) -> Iterator[MortalVault]:
    """A vault on either database, which may be killed."""
    settings = {"VAULT_MEDIA_ALLOW": media.authority}
    if request.param == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    made = MortalVault(folder, **settings)
    try:
        yield made
    finally:
        if made.running is not None:
            made.stop()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("way", ["same name", "announced again", "uploaded over", "redirected"])
def test_what_was_acknowledged_becomes_available(server: MortalVault, media: MediaThread, way: str):
    """A SIGKILL after every acknowledgement: each recording is there after the last start, with the newest bytes."""
    client = server.new_client()
    server.start()
    client.open_account()
    expected: dict[str, str] = {}
    for number in range(count(f"recordings lost no more: {way}", small=2, full=40)):
        for step in steps_of(way, client, media, number):
            answered, digest = step()
            assert answered.status in {201, 202}, answered.body
            recording = answered.json.get("recording") or answered.json["id"]
            if not digest:
                client.wait_for(recording, "failed", seconds=90)
            expected[recording] = digest
            server.kill()
            let_everything_run_out(server.environment.get("VAULT_DATABASE_URL", server.database))
            server.start()
    for recording, digest in expected.items():
        client.wait_for(recording, seconds=90)
        assert hashlib.sha256(client.audio(recording).body).hexdigest() == digest
    listed = client.rest("GET", f"{client.home}/recordings?limit=200").json["items"]
    assert {one["id"] for one in listed} == set(expected)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_one_webhook_many_times_at_once_is_one_recording(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """The same signed delivery at the same moment makes one row and one object, and every answer is a 2xx."""
    times = count("deliveries at once", small=200, full=200)
    settings = {"VAULT_MEDIA_ALLOW": media.authority}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    audio = wav(100_044, 1)
    url = media.on("/one.wav", answer(audio))
    with vault_process(folder, **settings) as (server, client):
        body, headers = client.announcement("call-1", url)
        barrier = Barrier(times)

        def deliver(_: int) -> tuple[int, str, str]:
            barrier.wait(30)
            said = client.deliver(body, headers)
            return said.status, said.json["status"], said.json["recording"]

        with ThreadPoolExecutor(times) as pool:
            answers = list(pool.map(deliver, range(times)))
        statuses = [said[0] for said in answers]
        print(f"answers: {statuses.count(202)} x 202, {statuses.count(200)} x 200")
        assert statuses.count(202) == 1
        assert statuses.count(200) == times - 1
        (recording_id,) = {said[2] for said in answers}
        client.wait_for(recording_id)
        assert client.audio(recording_id).body == audio
        listed = client.rest("GET", f"{client.home}/recordings?limit=200").json["items"]
        assert [item["id"] for item in listed] == [recording_id]
        # Late repetitions change nothing either.
        again = client.deliver(body, headers)
        assert (again.status, again.json["recording"]) == (200, recording_id)
        assert len(list(server.data_dir.glob("objects/recordings/*/*/*"))) == 1
        assert media.asked_for("/one.wav") == 1
        if kind == "sqlite":
            with closing(sqlite3.connect(server.database)) as connection:
                rows = connection.execute("SELECT id, state FROM recordings").fetchall()
            assert rows == [(recording_id, "available")], json.dumps(rows)
