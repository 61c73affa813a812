"""Somebody who opens links and takes the audio off the wire as slowly as a test wants."""

import re
import socket
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.raw_client import PATIENCE, Answer, Client, ask

#: Looks at the log, 0.4 seconds apart, that must be equal before a stream counts as stalled.
_EQUAL_LOOKS = 4

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def open_link(base: str, url: str, nonce: str = "n", headers: dict[str, str] | None = None) -> Answer:
    """Press the button on a link's page."""
    path = urllib.parse.urlsplit(url).path
    return ask(base, "POST", f"{path}/open", f"nonce={nonce}".encode(), _FORM | (headers or {}))


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A session that was opened: where its audio is, and the cookie that it takes."""

    session_id: str
    link_id: str
    cookie: str

    @property
    def audio(self) -> str:
        """Return the path of the audio."""
        return f"/s/{self.session_id}/audio"


def take_seat(client: Client, recording_id: str, **wanted: object) -> Seat:
    """Make a link to a recording and open it."""
    said = {"listener": "Kim", "sessions": 1, **wanted}
    made = client.rest("POST", f"{client.home}/recordings/{recording_id}/links", said)
    assert made.status == 201, made.body
    opened = open_link(client.base, made.json["url"])
    assert opened.status == 303, opened.body
    session_id = opened.headers["location"].removeprefix("/s/")
    cookie = opened.headers["set-cookie"].partition(";")[0]
    return Seat(session_id=session_id, link_id=made.json["id"], cookie=cookie)


class Hearing:
    """One request for audio, whose answer is read piece by piece."""

    def __init__(
        self, base: str, path: str, headers: dict[str, str], *, buffer: int = 64 * 1024, timeout: float = 30
    ) -> None:
        """Ask. ``buffer`` is what the kernel may take in beforehand, in bytes."""
        where = urllib.parse.urlsplit(base)
        self.body = bytearray()
        self.head = b""
        self._socket = socket.socket()
        self._socket.settimeout(timeout)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.connect((where.hostname, where.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: {where.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def read(self, size: int) -> int:
        """Read until so many bytes of the body are here, or there are no more; return how many are here."""
        while len(self.body) < size and (got := self._receive()):
            self.body += got
        return len(self.body)

    def read_on(self) -> int:
        """Read whatever there is, to the last byte; return how many bytes of the body are here."""
        self.read(1)
        return self.read(self.length) if self.status else 0

    @property
    def status(self) -> int:
        """Return the status; 0 where the server went away before it said one."""
        found = re.match(rb"HTTP/1\.1 (\d+)", self.head)
        return int(found[1]) if found else 0

    @property
    def length(self) -> int:
        """Return how many bytes the head promised."""
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)", self.head)
        assert found, self.head
        return int(found[1])

    @property
    def broken_off(self) -> bool:
        """Say whether the connection ended before what was promised; waits for its end."""
        heard = self.read_on()
        assert self.status, "there was no answer"
        return heard < self.length and self._receive() == b""

    def close(self) -> None:
        """Go away."""
        self._socket.close()

    def _receive(self) -> bytes:
        """Return the next bytes of the body; none once the connection has ended, however it did."""
        try:
            while not self.head.endswith(b"\r\n\r\n"):
                if not (one := self._socket.recv(1)):
                    return b""
                self.head += one
            return self._socket.recv(64 * 1024)
        except ConnectionError:
            return b""


def hear(client: Client, seat: Seat, *, part: str | None = None, buffer: int = 64 * 1024) -> Hearing:
    """Ask for a session's audio, or for a range of it."""
    headers = {"Cookie": seat.cookie} | ({"Range": part} if part else {})
    return Hearing(client.base, seat.audio, headers, buffer=buffer)


def covered(events: list[dict[str, Any]]) -> Callable[[int, int], bool]:
    """Return what says whether the bytes [first, end) lie within the grants among the events."""
    grants = sorted((one["first"], one["end"]) for one in events if one["type"].endswith(".grant"))

    def within(first: int, end: int) -> bool:
        for start, stop in grants:
            if start <= first < stop:
                first = stop
        return first >= end

    return within


def events_of(client: Client, recording_id: str, seat: Seat) -> list[dict]:
    """Return what the log tells of a session."""
    answer = client.rest("GET", f"{client.home}/access-events?limit=1000&recording={recording_id}")
    return [one for one in answer.json["items"] if one.get("session") == seat.session_id]


def until_stalled(client: Client, recording_id: str, seat: Seat) -> list[dict]:
    """Return the events of a session whose listener does not read on, once there come no more."""
    looks = [events_of(client, recording_id, seat)]
    # One pause can be a slow commit.
    while len(looks) < _EQUAL_LOOKS or any(one != looks[-1] for one in looks[-_EQUAL_LOOKS:]):
        time.sleep(0.4)
        looks.append(events_of(client, recording_id, seat))
    return looks[-1]


def until_ended(client: Client, recording_id: str, seat: Seat) -> list[dict]:
    """Return the events of a session once its stream has ended, which is its last event."""
    deadline = time.monotonic() + PATIENCE
    while not (events := events_of(client, recording_id, seat)) or events[-1]["type"] != "playback.end":
        assert time.monotonic() < deadline, events
        time.sleep(0.1)
    return events
