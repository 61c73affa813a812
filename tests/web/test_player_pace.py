"""A browser's player is sent the audio at its pace: some seconds ahead, then as fast as it is heard."""

from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant, open_link, tone
from tests.support.web_house import House
from vault.domain.playback.link import FIRST_WINDOW
from vault.domain.playback.pace import AHEAD, UNSTATED, Pace
from vault.web.audio import response

SECONDS = 90
HEARD = tone(SECONDS)
BROWSER = {"Sec-Fetch-Dest": "audio"}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, and not made, while no time passes."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(response, "pause", pause)
    monkeypatch.setattr(response, "monotonic", lambda: 0.0)
    return asked


@pytest.fixture(scope="module")
def listened(house: House) -> Tenant:
    """An account with one recording, a minute and a half of sound."""
    tenant = Tenant.open(house.admin)
    tenant.uploaded(HEARD)
    return tenant


@pytest.fixture(scope="module")
def session(house: House, listened: Tenant) -> tuple[httpx.Client, str]:
    """A listener with an open session on it."""
    (recording,) = listened.http.get(listened.url("/recordings")).json()["items"]
    listener = house.client()
    return listener, open_link(listener, listened.link(recording["id"])["url"]).headers["location"]


def grants(tenant: Tenant) -> list[dict[str, Any]]:
    """Return the grants of playback in the account's log."""
    return [event for event in tenant.events() if event["type"] == "playback.grant"]


@pytest.mark.parametrize(
    ("headers", "query", "speed"),
    [(BROWSER, "", UNSTATED), (BROWSER, "?speed=1", 1), ({}, "?speed=3", 3)],
    ids=["a browser's own player", "a player that states its speed", "triple speed"],
)
def test_a_player_is_sent_no_more_than_it_plays(
    session: Any, pauses: list[float], headers: dict[str, str], query: str, speed: float
):
    """What follows the first seconds takes as long as to hear it, in pauses of two seconds."""
    listener, path = session
    assert listener.get(f"{path}/audio{query}", headers=headers).content == HEARD
    # Pauses are not made here, so each is asked for from the beginning.
    whole = (SECONDS / speed - AHEAD) / 1.02
    assert whole - 2.1 <= max(pauses) <= whole
    steps = [after - before for before, after in zip([0.0, *pauses], pauses, strict=False)]
    assert max(steps) <= 2.1


def test_a_grant_of_a_player_is_some_seconds_long(listened: Tenant, session: Any, pauses: list[float]):
    """So what is granted and not sent is little; a program's grants double."""
    listener, path = session

    def granted(query: str) -> list[int]:
        before = len(grants(listened))
        listener.get(f"{path}/audio{query}")
        return [one["end"] - one["first"] for one in grants(listened)[before:]]

    *windows, rest = granted("?speed=1")
    assert max(windows) == 2 * FIRST_WINDOW
    assert rest < 3 * FIRST_WINDOW
    assert max(granted("")) > 4 * FIRST_WINDOW


@pytest.mark.parametrize("speed", ["0.4", "7", "nan", "inf", "fast", ""])
def test_a_speed_that_no_player_has_is_refused(session: Any, speed: str):
    """By the name of the parameter."""
    listener, path = session
    answer = listener.get(f"{path}/audio", params={"speed": speed})
    assert answer.status_code == 422
    assert "speed" in answer.text


def test_a_seek_begins_with_little(session: Any, pauses: list[float]):
    """Each range has its own first seconds: two without a pause, and the others within half a second."""
    listener, path = session
    second = len(HEARD) // SECONDS
    asked = {"Range": f"bytes=500000-{500000 + 11 * second}"}
    assert listener.get(f"{path}/audio?speed=1", headers=BROWSER | asked).status_code == 206
    assert pauses[0] == 0.0
    assert 0 < max(pauses) < 0.5


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Dest": "empty"}], ids=["a program", "a script"])
def test_programs_do_not_wait(session: Any, pauses: list[float], headers: dict[str, str]):
    """Only a media element is paced."""
    listener, path = session
    assert listener.get(f"{path}/audio", headers=headers).content == HEARD
    assert pauses == []


@pytest.mark.parametrize("is_steady", [True, False])
@pytest.mark.parametrize("speed", [1.0, 1.5, 2.0, 3.0, 6.0])
def test_a_pace_keeps_up_with_the_speed_that_is_stated(speed: float, is_steady: bool):
    """Nobody waits, however long it takes, and what is ahead stays the same where the bit rate does."""
    pace = Pace.of(size=360_000, duration=3600.0, is_steady=is_steady, speed=speed)
    for second in range(3600):
        assert pace.pause(round(100 * speed * second), float(second)) == 0.0
    assert pace.pause(round(100 * speed * (600 * 1.26 + AHEAD)), 600.0) > 0
    if is_steady:
        assert pace.pause(round(100 * speed * (600 + AHEAD + 14)), 600.0) > 0
