"""Hosts of media that mean harm: each is refused with its reason, in little memory, and others are not kept waiting."""

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.faults.hasty_fetcher import MAX_BYTES
from tests.faults.server import vault_process
from tests.faults.test_memory import _MB, _peak, _reset_peak
from tests.servers.media import Exchange, Script, answer, drip, endless, head, raw
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

#: In one round, which is less than one of the endless answers.
_GROWTH = 50 * _MB
#: In all of them: freed blocks that the allocator keeps, 64 MiB at most, add to it for the first ten, and no more.
_IN_ALL = 120 * _MB
_CHUNKED = {"Transfer-Encoding": "chunked"}
_SOUND = wav(844, 1)
#: A gigabyte of zeros in 40 KB: blocks of Zstandard (RFC 8878) that say how often one byte is repeated.
_ZSTD = bytes.fromhex("28b52ffd0058") + b"\x02\x00\x10\x00" * 8000 + b"\x03\x00\x10\x00"
_GZIP = gzip.compress(bytes(64 * 1024 * 1024))


@dataclass(frozen=True, kw_only=True)
class Bomb:
    """A hostile answer, and what must become of it."""

    script: Script
    state: Literal["retry_wait", "failed"]
    said: str
    #: The recordings of a host that is down wait for it together; one that answers anything is not.
    code: Literal["fetch_failed", "host_down", "media_too_slow"] = "fetch_failed"
    #: How often one attempt asks for it.
    asked: int = 1


def _forever(first: bytes, piece: bytes) -> Script:
    """Send something, and then a piece over and over, as fast as it is taken."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(first)
        while not exchange.gone.is_set():
            await exchange.send(piece)

    return script


def _encoded(name: str, body: bytes) -> Bomb:
    return Bomb(
        script=answer(body, headers={"Content-Encoding": name}), state="failed", said="Content-Encoding"
    )


_OK = b"HTTP/1.1 200 OK\r\n"
BOMBS = {
    "gzip": _encoded("gzip", _GZIP),
    "gzip twice": _encoded("gzip, gzip", gzip.compress(_GZIP)),
    "zstd": _encoded("zstd", _ZSTD),
    "br": _encoded("br", bytes(1000)),
    "endless": Bomb(script=endless(), state="failed", said=f"more than {MAX_BYTES} bytes"),
    "endless, as encoded": Bomb(
        script=_forever(
            head(200, {**_CHUNKED, "Content-Encoding": "gzip"}), b"1000\r\n" + bytes(4096) + b"\r\n"
        ),
        state="failed",
        said="Content-Encoding",
    ),
    "a length of terabytes": Bomb(
        script=_forever(head(200, {"Content-Length": str(10**13)}), bytes(65536)),
        state="failed",
        said=f"more than {MAX_BYTES} bytes",
    ),
    "a length that is too long": Bomb(
        script=raw(head(200, {"Content-Length": "1000000"}), _SOUND), state="retry_wait", said="ended early"
    ),
    "a byte a second": Bomb(
        script=drip(head(200, {"Content-Length": "1000000"}), b"a", pause=1.0),
        state="retry_wait",
        said="too slowly",
        code="media_too_slow",
    ),
    "ten megabytes of head": Bomb(
        script=raw(head(200, {"X": "y" * 10_000_000}), _SOUND),
        state="retry_wait",
        said="request to the host failed",
    ),
    "a head without end": Bomb(
        script=_forever(_OK, b"X-More: " + b"y" * 1000 + b"\r\n"),
        state="retry_wait",
        said="request to the host failed",
    ),
    "interim answers without end": Bomb(
        script=_forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        state="retry_wait",
        said="in time",
        code="host_down",
    ),
    "a chunk's head without end": Bomb(
        script=_forever(head(200, _CHUNKED) + b"1", b";" * 4096), state="retry_wait", said="ended early"
    ),
    "trailers without end": Bomb(
        script=_forever(head(200, _CHUNKED) + b"0\r\n", b"X: y\r\n" * 1000),
        state="retry_wait",
        said="ended early",
    ),
    "redirects without end": Bomb(
        script=answer(status=302, headers={"Location": "/redirects-without-end"}),
        state="failed",
        said="redirected more than",
        # The first time, and five redirects.
        asked=6,
    ),
}


def test_hostile_hosts_are_refused_in_little_memory(folder: Path, media: MediaThread) -> None:
    """Whatever a host sends: a reason stands in the recording, memory stays flat, and good recordings come in."""
    rounds = count("rounds of every hostile answer at once", small=1, full=6)
    good = media.serve("/good.wav", _SOUND)
    urls = {name: media.on("/" + name.replace(" ", "-"), bomb.script) for name, bomb in BOMBS.items()}
    with vault_process(
        folder, program=("-m", "tests.faults.hasty_fetcher"), VAULT_MEDIA_ALLOW=media.authority
    ) as (server, client):
        _comes_in(client, "warm", good)
        begin, refused, growth = _reset_peak(server.pid), 0, [0]
        for number in range(rounds):
            round_begin = _reset_peak(server.pid)
            sent = {name: _announce(client, f"{name} {number}", url) for name, url in urls.items()}
            for late in range(4):
                _comes_in(client, f"good {number} {late}", good)
            with ThreadPoolExecutor(len(sent)) as pool:
                waiting = {
                    name: pool.submit(client.wait_for, one, BOMBS[name].state) for name, one in sent.items()
                }
                ends = {name: one.result() for name, one in waiting.items()}
            for name, end in ends.items():
                _says(name, end)
            refused += len(ends)
            growth.append(_peak(server.pid) - round_begin)
        in_all = _peak(server.pid) - begin
    print(
        f"{refused} refused; the peak grew by {max(growth) / _MB:.1f} MB in a round, {in_all / _MB:.1f} in all"
    )
    assert max(growth) < _GROWTH
    assert in_all < _IN_ALL
    # What failed for good was not asked for again.
    for name, bomb in BOMBS.items():
        if bomb.state == "failed":
            assert media.asked_for("/" + name.replace(" ", "-")) == rounds * bomb.asked


def _announce(client: Client, ref: str, url: str) -> str:
    said = client.announce(ref, url)
    assert said.status == 202, said.body
    recording_id: str = said.json["recording"]
    return recording_id


def _comes_in(client: Client, ref: str, url: str) -> None:
    """Announce one that is good, and send another: both can be heard soon."""
    announced = _announce(client, f"{ref} announced", url)
    sent = client.put(re.sub(r"\W", "-", ref), _SOUND, len(_SOUND))
    assert sent.status == 201, sent.body
    for recording_id in (announced, sent.json["id"]):
        client.wait_for(recording_id)
        assert client.audio(recording_id).body == _SOUND


def _says(name: str, end: dict[str, Any]) -> None:
    """Assert that a recording says why it is not here."""
    (reason,) = end["reasons"]
    assert reason["code"] == BOMBS[name].code, (name, reason)
    assert BOMBS[name].said in reason["text"], (name, reason)


def test_what_follows_a_length_that_is_too_short_is_not_taken(folder: Path, media: MediaThread) -> None:
    """A host that goes on after the length that it named has sent so many bytes, and they are marked as damaged."""
    rounds = count("answers that go on after their length", small=1, full=6)
    begins = wav(100_044, 1)[:50_044]
    url = media.on("/short", _forever(head(200, {"Content-Length": "50044"}) + begins, bytes(65536)))
    with vault_process(
        folder, program=("-m", "tests.faults.hasty_fetcher"), VAULT_MEDIA_ALLOW=media.authority
    ) as (server, client):
        begin = _reset_peak(server.pid)
        for number in range(rounds):
            recording_id = _announce(client, f"short-{number}", url)
            said = client.wait_for(recording_id)
            assert (said["bytes"], said["flags"]["damaged"]) == (50_044, True)
            assert client.audio(recording_id).body == begins
        assert _peak(server.pid) - begin < _GROWTH
