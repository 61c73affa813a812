"""A process that is killed while it plays: what was heard stands in a log that still fits all it ever signed."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.dying import FILE
from tests.faults.inside import inside
from tests.faults.promises import check_promises
from tests.faults.server import MortalVault
from tests.support.audio_listener import Hearing, Seat, covered, hear, take_seat
from tests.support.counts import count
from tests.support.raw_client import Client, ask
from tests.support.telephone_audio import wav
from tests.support.whole_log import WholeLog, read_export
from vault.composition.adapters import utc_now
from vault.services.playback.close_sessions import EndSessions

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

#: Windows of 64 KiB to 4 MiB: the seventh is cut short.
_SIZE = 5_000_044
_WINDOWS = 7


def _killed_behind_a_grant(server: MortalVault, client: Client, seat: Seat, number: int) -> Hearing:
    """Let the server die when the grant of a window is durable, and none of its bytes has left."""
    (server.data_dir / FILE).write_text(str(number % _WINDOWS + 1))
    hearing = hear(client, seat)
    hearing.read_on()
    server.stop()
    return hearing


def _killed_behind_bytes(server: MortalVault, client: Client, seat: Seat, size: int) -> Hearing:
    """Kill the server when so many bytes were heard."""
    hearing = hear(client, seat)
    hearing.read(size)
    server.kill()
    hearing.read_on()
    return hearing


async def test_what_was_heard_is_within_what_a_killed_server_had_granted(folder: Path) -> None:
    """Every byte was granted before, the log goes on from all its checkpoints, and says the last word itself."""
    kills = count("kills in the middle of playback", small=3, full=100)
    chance, body = random.Random(20261125), wav(_SIZE, 3)  # noqa: S311 - the same again
    server = MortalVault(folder, program=("-m", "tests.faults.dying"))
    client = server.new_client()
    server.start()
    notes: list[bytes] = []
    heard: list[tuple[Seat, Hearing]] = []
    try:
        client.open_account()
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        key = ask(client.base, "GET", "/v1/access-log/key").body.decode()
        for number in range(kills):
            notes.append(ask(client.base, "GET", "/v1/access-log/checkpoint").body)
            seat = take_seat(client, recording_id)
            if number % 2:
                hearing = _killed_behind_bytes(server, client, seat, int(2 ** chance.uniform(0, 22)))
            else:
                hearing = _killed_behind_a_grant(server, client, seat, number // 2)
            hearing.close()
            heard.append((seat, hearing))
            server.start()
        notes.append(ask(client.base, "GET", "/v1/access-log/checkpoint").body)
        export = server.command("log", "export").stdout.encode()
    finally:
        server.stop()
    log = read_export(export, key)
    for note in notes:
        log.continues(note, key)
    _heard_within_grants(log, heard, body)
    await _last_words(server)
    last = read_export(server.command("log", "export").stdout.encode(), key)
    last.continues(notes[-1], key)
    _all_have_ends(last, heard)
    check_promises(server, told=[recording_id], sounds=[body[-48:]], checkpoints=notes)


def _heard_within_grants(log: WholeLog, heard: list[tuple[Seat, Hearing]], body: bytes) -> None:
    without_a_byte = beyond = 0
    for seat, hearing in heard:
        assert bytes(hearing.body) == body[: len(hearing.body)]
        events = log.of_session(seat.session_id)
        assert [one["type"] for one in events][:2] == ["playback.open", "playback.grant"]
        assert covered(events)(0, len(hearing.body))
        without_a_byte += not hearing.body
        beyond += max(one["end"] for one in events[1:]) > len(hearing.body)
    everything = sum(len(hearing.body) for _, hearing in heard)
    print(
        f"{len(heard)} kills; {everything} bytes heard; {without_a_byte} times none, "
        f"{beyond} times fewer than were granted"
    )
    # It was the moment that it should be: a grant was durable whose bytes never came.
    assert beyond * 3 > len(heard)


async def _last_words(server: MortalVault) -> None:
    async with inside(server) as opened:
        # As if it were an hour later.
        hour = timedelta(hours=-1)
        assert await EndSessions(database=opened.database, clock=utc_now, grace=hour)()


def _all_have_ends(log: WholeLog, heard: list[tuple[Seat, Hearing]]) -> None:
    """Each session has one end, which says no less than was heard."""
    bounds = 0
    for seat, hearing in heard:
        (end,) = [one for one in log.of_session(seat.session_id) if one["type"] == "playback.end"]
        assert end["end"] >= len(hearing.body)
        bounds += end.get("result") == "upper_bound"
    print(f"{bounds} of {len(heard)} ends are upper bounds")
    assert bounds * 3 > len(heard)
