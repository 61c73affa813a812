"""What is hardly HTTP, sent to the server as it is run: one refusal or a closed connection, and others are served."""

import re
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.server import vault_process
from tests.support.counts import count
from tests.support.raw_client import Client, ask
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_OTHERS = 5
#: More than the kernel holds back for the two ends of a connection.
_ENDLESS = 64 << 20
#: Behind what a proxy takes for the body: a request that nobody but the smuggler sent.
_HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
_CHUNKS = b"0\r\n\r\n" + _HIDDEN
_HEAD = b"POST /p/x/open HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_LENGTH, _CHUNKED = b"Content-Length: %d\r\n" % len(_CHUNKS), b"Transfer-Encoding: chunked\r\n"

#: Where the two ends of a proxy could disagree on where a request ends.
_SMUGGLED = {
    "length, then chunked": _HEAD + _LENGTH + _CHUNKED + b"\r\n" + _CHUNKS,
    "chunked, then length": _HEAD + _CHUNKED + _LENGTH + b"\r\n" + _CHUNKS,
    "length of none, and chunked": _HEAD + b"Content-Length: 0\r\n" + _CHUNKED + b"\r\n" + _CHUNKS,
    "two lengths": _HEAD + b"Content-Length: 0\r\n" + _LENGTH + b"\r\n" + _CHUNKS,
    "two lengths, the other way": _HEAD + _LENGTH + b"Content-Length: 0\r\n\r\n" + _CHUNKS,
    "the same length twice": _HEAD + _LENGTH * 2 + b"\r\n" + _CHUNKS,
    "two lengths in one": _HEAD + b"Content-Length: 0, %d\r\n\r\n" % len(_CHUNKS) + _CHUNKS,
    "length with a sign": _HEAD + b"Content-Length: +%d\r\n\r\n" % len(_CHUNKS) + _CHUNKS,
    "length in hex": _HEAD + b"Content-Length: 0x%x\r\n\r\n" % len(_CHUNKS) + _CHUNKS,
    "length of more than 64 bits": _HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + _CHUNKS,
    "chunked by another name": _HEAD + b"Transfer-Encoding: xchunked\r\n" + _LENGTH + b"\r\n" + _CHUNKS,
    "chunked and not last": _HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + _CHUNKS,
    "a space before the colon": _HEAD + b"Transfer-Encoding : chunked\r\n" + _LENGTH + b"\r\n" + _CHUNKS,
    "a length that is folded": _HEAD + b"X: y\r\n " + _LENGTH + _CHUNKED + _LENGTH + b"\r\n" + _CHUNKS,
    "a line of its own feed": _HEAD + b"X: y\n" + _CHUNKED + _LENGTH + b"\r\n" + _CHUNKS,
    "a return in a value": _HEAD + b"X: y\r" + _CHUNKED + _LENGTH + b"\r\n" + _CHUNKS,
    "nul in a name": _HEAD + b"Transfer\0-Encoding: chunked\r\n" + _LENGTH + b"\r\n" + _CHUNKS,
    "chunk of more than 64 bits": _HEAD + _CHUNKED + b"\r\n" + b"f" * 17 + b"\r\n" + _HIDDEN,
    "chunk of no number": _HEAD + _CHUNKED + b"\r\n-1\r\n" + _HIDDEN,
    "chunk that is longer than it says": _HEAD + _CHUNKED + b"\r\n1\r\nab\r\n" + _CHUNKS,
    "chunk without a return": _HEAD + _CHUNKED + b"\r\n0\n\n" + _HIDDEN,
}  # fmt: skip


@dataclass
class _Others:
    """Clients who do what they always do, each on a connection of its own every time."""

    client: Client
    recording_id: str
    body: bytes
    served: list[int] = field(default_factory=lambda: [0] * _OTHERS)
    wrong: list[object] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, number: int) -> None:
        """Ask for something of each kind until it is over."""
        while not self.over.is_set():
            try:
                alive = ask(self.client.base, "GET", "/healthz", timeout=20).status
                heard = self.client.audio(self.recording_id).body == self.body
                noted = self.client.rest("GET", f"{self.client.home}/recordings").status
            except OSError as error:
                self.wrong.append(error)
                return
            if (alive, heard, noted) != (200, True, 200):
                self.wrong.append((alive, heard, noted))
            self.served[number] += 1

    def wait(self) -> None:
        """Wait until each of them was served once more, from the beginning."""
        before, deadline = list(self.served), time.monotonic() + 60
        while any(now < then + 2 for now, then in zip(self.served, before, strict=True)):
            assert not self.wrong
            assert time.monotonic() < deadline, (before, self.served)
            time.sleep(0.02)


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[Client, _Others]]:
    """Serve, and let five others be served to the end of the block."""
    body = wav(200_044, 3)
    with vault_process(folder) as (_, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        others = _Others(client, recording_id, body)
        threads = [threading.Thread(target=others.serve, args=(number,)) for number in range(_OTHERS)]
        for thread in threads:
            thread.start()
        try:
            yield client, others
            others.wait()
        finally:
            others.over.set()
            for thread in threads:
                thread.join()
        assert not others.wrong
        print(f"{sum(others.served)} rounds of {_OTHERS} others")


@contextmanager
def _connected(client: Client, timeout: float = 30) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(client.base.rpartition(":")[2])), timeout) as raw:
        yield raw


def _answers(raw: socket.socket) -> list[int]:
    """Read until the server closes, and return the statuses."""
    received = b""
    with suppress(ConnectionError):
        while got := raw.recv(64 * 1024):
            received += got
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def test_no_request_hides_in_the_body_of_another(folder: Path) -> None:
    """Where one end of a proxy could see two requests and the other one, the server refuses, and closes."""
    rounds = count("rounds of requests that could be read in two ways", small=1, full=20)
    with _serving(folder) as (client, others):
        for _ in range(rounds):
            for name, sent in _SMUGGLED.items():
                with _connected(client) as raw:
                    raw.sendall(sent)
                    assert set(_answers(raw)) <= {400}, name
            others.wait()


def test_a_body_without_end_is_cut(folder: Path) -> None:
    """Chunk after chunk, and never the last: 413 as soon as it is too much, and the connection is closed."""
    rounds = count("bodies without end, at each door", small=1, full=10)
    chunk = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    with _serving(folder) as (client, others):
        doors = [
            # Of the form of earlier releases: what is forged is answered without its body.
            ("POST", f"/p/{'x' * 43}/open"),
            ("POST", urllib.parse.urlsplit(client.webhook).path),
            ("PUT", client.home),
            ("POST", "/v1/keys"),
        ]
        for method, path in doors * rounds:
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
            with _connected(client) as raw:
                raw.sendall(head.encode() + b"Content-Type: application/json\r\n" + _CHUNKED + b"\r\n")
                taken, answer = _until_closed(raw, chunk)
                # Where much is still on its way, the answer may be lost with it.
                assert answer.startswith(b"HTTP/1.1 413 ") or not answer, (path, answer)
                assert taken < _ENDLESS
                print(f"{method} {path[:12]} took {taken} bytes")
        others.wait()


def test_a_head_without_end_is_cut(folder: Path) -> None:
    """A path, a field, or fields that never end: the connection is closed before they fill the memory."""
    rounds = count("heads without end, of each kind", small=1, full=10)
    kinds = {
        "path": (b"GET /", b"a" * 8192),
        "name": (b"GET / HTTP/1.1\r\n", b"a" * 8192),
        "value": (b"GET / HTTP/1.1\r\nX: ", b"a" * 8192),
        "fields": (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 1024),
        "extension": (_HEAD + _CHUNKED + b"\r\n1;", b"a" * 8192),
        "trailers": (_HEAD + _CHUNKED + b"\r\n0\r\n", b"X: y\r\n" * 1024),
    }
    with _serving(folder) as (client, others):
        for name, (head, block) in [*kinds.items()] * rounds:
            with _connected(client) as raw:
                raw.sendall(head)
                taken, answer = _until_closed(raw, block)
                assert re.match(rb"HTTP/1.1 4(00|31) ", answer) or not answer, (name, answer)
                assert taken < _ENDLESS, name
        others.wait()


def test_heads_that_come_slowly_hold_nobody_up(folder: Path) -> None:
    """At a byte a second, from many concurrently: others are served, and these are answered at last, or closed."""
    many = count("clients whose head comes a byte a second", small=20, full=200)
    seconds = count("seconds that their heads take", small=4, full=45)
    with _serving(folder) as (client, others), ExitStack() as stack:
        slow = [stack.enter_context(_connected(client)) for _ in range(many)]
        assert all(_sent(raw, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ") for raw in slow)
        for _ in range(seconds):
            for raw in slow:
                _sent(raw, b"y")
            others.wait()
            time.sleep(1)
        ended = sum(not _sent(raw, b"\r\nConnection: close\r\n\r\n") for raw in slow)
        assert {tuple(_answers(raw)) for raw in slow} <= {(200,), (400,), (408,), ()}
        print(f"{ended} of {many} were closed before they had ended")


def _sent(raw: socket.socket, block: bytes) -> bool:
    """Send, and say whether the server still takes it."""
    try:
        raw.sendall(block)
    except ConnectionError:
        return False
    return True


def _until_closed(raw: socket.socket, block: bytes) -> tuple[int, bytes]:
    """Send a block after the other until the server closes; return how many bytes went out, and the answer."""
    taken, answer = 0, b""
    with suppress(ConnectionError):
        while taken < _ENDLESS:
            raw.sendall(block)
            taken += len(block)
            while select.select([raw], [], [], 0)[0]:
                if not (got := raw.recv(64 * 1024)):
                    return taken, answer
                answer += got
    return taken, answer
