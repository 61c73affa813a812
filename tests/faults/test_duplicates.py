"""A platform that repeats itself at the same moment gets one recording."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from tests.faults.server import vault_process
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.telephone_audio import wav

pytestmark = pytest.mark.faults


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
