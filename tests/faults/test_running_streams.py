"""A stream that runs when something changes: switching off leaves it alone, and an erasure breaks it off."""

import json
from pathlib import Path

import pytest

from tests.faults.server import vault_process
from tests.support.audio_listener import (
    Hearing,
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

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_SIZE = 16_000_044
_WINDOW = 4 * 1024 * 1024
#: Bytes after which the reader pauses: in the first windows, at their seams, and where they are largest.
_PLACES = (1_000_000, 100, 70_000, 65_536, 4_000_000, 7_000_000, 200_000, 500_000, 2_000_000, 3_000_000)


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


def test_an_erasure_breaks_a_stream_off_within_a_window(folder: Path) -> None:
    """Wherever it stood: what comes is a beginning of the recording, nothing more is granted or opened."""
    places = _PLACES[: count("streams whose recording is erased", small=2, full=len(_PLACES))]
    body = wav(_SIZE, 14)
    with vault_process(folder) as (_, client):
        for place in places:
            recording_id = client.put(f"call-{place}", body, len(body)).json["id"]
            client.wait_for(recording_id)
            _erased_midway(client, recording_id, body, place)


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
