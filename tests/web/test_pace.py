"""A browser's player is sent the audio at its pace: half a minute ahead, then four times as fast as it is heard."""

from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant, tone
from tests.support.web_house import House
from vault.web.audio import response
from vault.web.audio.response import Pace

SECONDS = 90
AUDIO = tone(SECONDS)
BROWSER = {"Sec-Fetch-Dest": "audio"}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, and not made."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(response, "pause", pause)
    return asked


@pytest.fixture(scope="module")
def session(house: House) -> tuple[httpx.Client, str]:
    """A listener with an open session on a minute and a half of sound."""
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO)
    link = tenant.http.post(tenant.url(f"/recordings/{recording}/links"), json={"listener": "robin"}).json()
    listener = house.client()
    opened = listener.post(f"{httpx.URL(link['url']).path}/open")
    return listener, opened.headers["location"]


def test_a_player_is_sent_no_more_than_it_can_play(session: Any, pauses: list[float]):
    """What follows the first half minute would take a quarter of its time, in pauses of five seconds at most."""
    listener, path = session
    assert listener.get(f"{path}/audio", headers=BROWSER).content == AUDIO
    # Pauses are not made here, so each is asked for from the beginning.
    longest = max(pauses)
    assert (SECONDS - 30) / 4 - 5 <= longest <= (SECONDS - 30) / 4
    steps = [after - before for before, after in zip([0.0, *pauses], pauses, strict=False)]
    assert max(steps) <= 5.1


def test_a_seek_begins_without_a_pause(session: Any, pauses: list[float]):
    """Each range has its own half minute."""
    listener, path = session
    half_a_minute = len(AUDIO) * 29 // SECONDS
    answer = listener.get(
        f"{path}/audio", headers=BROWSER | {"Range": f"bytes=500000-{500000 + half_a_minute}"}
    )
    assert answer.status_code == 206
    assert set(pauses) <= {0.0}


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}], ids=["a program", "a script"])
def test_programs_do_not_wait(session: Any, pauses: list[float], headers: dict[str, str]):
    """Only a media element is paced."""
    listener, path = session
    assert listener.get(f"{path}/audio", headers=headers).content == AUDIO
    assert pauses == []


def test_a_pace_keeps_up_with_triple_speed():
    """At three times the speed nobody waits, however long it takes."""
    pace = Pace(burst=30 * 100.0, rate=4 * 100.0)
    for second in range(3600):
        heard = 3 * 100 * second
        assert pace.pause(heard, float(second)) == 0.0
    assert pace.pause(30 * 100 + 400, 0.0) == 1.0
