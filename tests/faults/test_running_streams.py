"""A stream that runs when something changes: switching off leaves it alone, and an erasure breaks it off.

A stream that loses its ground in the middle: it breaks off within a window, and nothing more is granted.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.server import MortalVault, vault_process
from tests.support.audio_listener import (
    Hearing,
    Seat,
    covered,
    hear,
    open_link,
    take_seat,
    until_ended,
    until_stalled,
)
from tests.support.counts import count
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav

pytestmark = pytest.mark.faults


_SIZE = 16_000_044
_WINDOW = 4 * 1024 * 1024
#: Bytes after which the reader pauses: in the first windows, at their seams, and where they are largest.
_PLACES = (1_000_000, 100, 70_000, 65_536, 4_000_000, 7_000_000, 200_000, 500_000, 2_000_000, 3_000_000)
#: Bytes after which the reader pauses.
_STOPPED_AT = (2_000_000, 100, 5_000_000, 1_000_000, 4_000_000, 70_000)
Stop = Callable[[MortalVault, Client, str, Seat], None]


@pytest.mark.timeout(900)
def test_a_stream_goes_on_when_the_switch_goes_off(folder: Path) -> None:
    """Off is about what enters: what runs is heard to its end, and what is here can still be opened."""
    places = _PLACES[: count("streams that run while the switch goes off", small=2, full=len(_PLACES))]
    body = wav(_SIZE, 13)
    with vault_process(folder) as (_, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        for place in places:
            seat = take_seat(client, recording_id)
            hearing = hear(client, seat)
            at_off = hearing.read(place)
            until_stalled(client, recording_id, seat)
            assert client.switch(enabled=False)["enabled"] is False
            assert client.put(f"off-{place}", body[:844], 844).status == 409
            _heard_to_its_end(hearing, body)
            _heard_to_its_end(hear(client, take_seat(client, recording_id)), body)
            events = until_ended(client, recording_id, seat)
            assert covered(events)(0, len(body))
            assert events[-1]["end"] == len(body)
            print(f"off after {at_off} bytes, and {len(body) - at_off} more came")
            client.switch(enabled=True)


@pytest.mark.timeout(900)
def test_an_erasure_breaks_a_stream_off_within_a_window(folder: Path) -> None:
    """Wherever it stood: what comes is a beginning of the recording, nothing more is granted or opened."""
    places = _PLACES[: count("streams whose recording is erased", small=2, full=len(_PLACES))]
    body = wav(_SIZE, 14)
    with vault_process(folder) as (_, client):
        for place in places:
            recording_id = client.put(f"call-{place}", body, len(body)).json["id"]
            client.wait_for(recording_id)
            _erased_midway(client, recording_id, body, place)


@pytest.mark.timeout(900)
def test_a_stream_that_is_restricted_leaves_one_line_in_the_log(folder: Path) -> None:
    """It breaks off as it should, so the line is of level info, and the HTTP server adds no error of its own."""
    body = wav(_SIZE, 15)
    with vault_process(folder) as (server, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        seat = take_seat(client, recording_id)
        hearing = hear(client, seat)
        hearing.read(_PLACES[0])
        until_stalled(client, recording_id, seat)
        before = len(server.logged())
        restriction = f"{client.home}/recordings/{recording_id}/restriction"
        assert client.rest("PUT", restriction, {"reason": "asked for"}).status == 200
        assert hearing.broken_off
        hearing.close()
        until_ended(client, recording_id, seat)
    lines = [json.loads(line) for line in server.logged()[before:].splitlines()]
    assert [one["level"] for one in lines if one["level"] != "info"] == []
    assert [one["error"] for one in lines if one["event"] == "web.stream_ended"] == ["NotFound"]


def _erased_midway(client: Client, recording_id: str, body: bytes, place: int) -> None:
    links = f"{client.home}/recordings/{recording_id}/links"
    unopened = client.rest("POST", links, {"listener": "Kim"}).json["url"]
    seat = take_seat(client, recording_id)
    hearing = hear(client, seat)
    at_erasure = hearing.read(place)
    granted = until_stalled(client, recording_id, seat)
    assert client.rest("DELETE", f"{client.home}/recordings/{recording_id}").status == 202
    assert hearing.broken_off
    hearing.close()
    heard = bytes(hearing.body)
    print(f"erased after {at_erasure} bytes, and {len(heard) - at_erasure} more came")
    assert heard == body[: len(heard)]
    assert len(heard) - at_erasure <= _WINDOW
    assert covered(granted)(0, len(heard))
    later = until_ended(client, recording_id, seat)[len(granted) :]
    assert [one["type"] for one in later] == ["playback.end"]
    again = hear(client, seat, part="bytes=0-0")
    again.read_on()
    again.close()
    assert again.status == 404
    assert open_link(client.base, unopened).status == 404


def _heard_to_its_end(hearing: Hearing, body: bytes) -> None:
    hearing.read_on()
    hearing.close()
    assert hearing.status == 200
    assert bytes(hearing.body) == body


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


@pytest.mark.timeout(600)
def test_a_stopped_stream_breaks_off_within_a_window(folder: Path) -> None:
    """However it is stopped, the window on its way is the last: the answer is not whole, and no grant follows."""
    rounds = count("streams stopped in each way but erasure", small=1, full=len(_STOPPED_AT))
    body = wav(_SIZE, 11)
    with vault_process(folder) as (server, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        for stop in [_expire, _revoke, _restrict]:
            for place in _STOPPED_AT[:rounds]:
                _stopped(server, client, recording_id, body, stop, place)
                path = f"{client.home}/recordings/{recording_id}/restriction"
                assert client.rest("DELETE", path).status in {200, 204}
        _stopped(server, client, recording_id, body, _erase, _STOPPED_AT[0])


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
