"""Two who open one link concurrently: one of them has a session, and the other is told what everyone is told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.server import vault_process
from tests.faults.switch_check import looking_at
from tests.support.audio_listener import open_link
from tests.support.counts import count
from tests.support.raw_client import Answer, Client
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


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
