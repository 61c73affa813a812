"""A stream that loses its ground in the middle: it breaks off within a window, and nothing more is granted."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.server import MortalVault, vault_process
from tests.support.audio_listener import Seat, covered, hear, take_seat, until_ended, until_stalled
from tests.support.counts import count
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_SIZE = 16_000_044
_WINDOW = 4 * 1024 * 1024
#: Bytes after which the reader pauses.
_PLACES = (2_000_000, 100, 5_000_000, 1_000_000, 4_000_000, 70_000)
Stop = Callable[[MortalVault, Client, str, Seat], None]


def _expire(server: MortalVault, _client: Client, _recording_id: str, seat: Seat) -> None:
    """Let the session's time be over."""
    connection = sqlite3.connect(server.database, timeout=10, isolation_level=None)
    try:
        done = connection.execute("UPDATE sessions SET ends_at = 1 WHERE id = ?", (seat.session_id,))
        assert done.rowcount == 1
    finally:
        connection.close()


def _revoke(_server: MortalVault, client: Client, recording_id: str, seat: Seat) -> None:
    """Revoke the link."""
    path = f"{client.home}/recordings/{recording_id}/links/{seat.link_id}"
    assert client.rest("DELETE", path).status == 204


def _restrict(_server: MortalVault, client: Client, recording_id: str, _seat: Seat) -> None:
    """Restrict the recording."""
    assert client.rest("PUT", f"{client.home}/recordings/{recording_id}/restriction", {}).status == 200


def _erase(_server: MortalVault, client: Client, recording_id: str, _seat: Seat) -> None:
    """Erase the recording."""
    assert client.rest("DELETE", f"{client.home}/recordings/{recording_id}").status in {200, 202, 204}


def test_a_stopped_stream_breaks_off_within_a_window(folder: Path) -> None:
    """However it is stopped, the window on its way is the last: the answer is not whole, and no grant follows."""
    rounds = count("streams stopped in each way but erasure", small=1, full=len(_PLACES))
    body = wav(_SIZE, 11)
    with vault_process(folder) as (server, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        for stop in [_expire, _revoke, _restrict]:
            for place in _PLACES[:rounds]:
                _stopped(server, client, recording_id, body, stop, place)
                path = f"{client.home}/recordings/{recording_id}/restriction"
                assert client.rest("DELETE", path).status in {200, 204}
        _stopped(server, client, recording_id, body, _erase, _PLACES[0])


def _stopped(  # noqa: PLR0917 - what is heard, where, and how it ends
    server: MortalVault, client: Client, recording_id: str, body: bytes, stop: Stop, place: int
) -> None:
    seat = take_seat(client, recording_id)
    hearing = hear(client, seat)
    at_stop = hearing.read(place)
    granted = until_stalled(client, recording_id, seat)
    stop(server, client, recording_id, seat)
    assert hearing.broken_off
    hearing.close()
    heard = bytes(hearing.body)
    assert heard == body[: len(heard)]
    print(f"{stop.__name__[1:]} after {at_stop} bytes, and {len(heard) - at_stop} more: ", end="")
    assert len(heard) - at_stop <= _WINDOW
    _within_the_window(granted, len(heard))
    _nothing_but_its_end(until_ended(client, recording_id, seat), granted, len(heard))
    again = hear(client, seat)
    again.read_on()
    assert (again.status, b"Open the link again" in again.body) == (404, True)
    again.close()


def _within_the_window(granted: list[dict], heard: int) -> None:
    """The stream stood in the last window but one, because the last was granted ahead; nothing of that one left."""
    *_, current, ahead = [event for event in granted if event["type"] == "playback.grant"]
    print(f"{heard} bytes heard; the stream stood within {current['first']} to {current['end']}")
    assert current["end"] - current["first"] <= _WINDOW
    assert current["end"] == ahead["first"]
    assert current["first"] < heard <= current["end"]


def _nothing_but_its_end(events: list[dict], granted: list[dict], heard: int) -> None:
    """The log grants no more, and says what was sent."""
    assert events[: len(granted)] == granted
    (end,) = events[len(granted) :]
    assert end["type"] == "playback.end"
    assert heard <= end["end"]
    assert covered(granted)(0, end["end"])
