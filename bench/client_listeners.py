"""Concurrent listeners: each hears a session at a steady pace, as a player with a small buffer does.

One thread looks at all of them every few milliseconds. A listener takes bytes from its connection only
while its buffer holds less than a player's, so most of what the server could send has to wait there. Its
sound stops when the buffer has run dry, and goes on with the next bytes.

Loopback would take megabytes ahead for each of them, which is minutes of a call, and the server would have
nothing left to do. So a listener's connection has what one over Ethernet has: small packets and a small
window. Then the kernels hold about half a megabyte.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bench.client_http import get
from bench.figures import percentile

#: Seconds of sound that a player keeps, and that it has before it begins.
_AHEAD, _PREROLL = 2.0, 0.5
#: Bytes of a packet on Ethernet, and that the kernel takes in for a listener before it asks.
_PACKET, _WINDOW = 1448, 16 * 1024
_READ = 64 * 1024
_TICK = 0.01


def listeners(
    *, port: int, sessions: Sequence[Mapping[str, Any]], pace: int, arriving: float, seconds: float
) -> Mapping[str, Any]:
    """Begin one session after the other within ``arriving`` seconds, and hear all of them for ``seconds`` more.

    ``pace`` is in bytes a second. Return received megabytes a second, how many listeners' sound never
    stopped, the longest silence and the times to the first sound in milliseconds, and moments of the
    monotonic clock. Raises RuntimeError for an answer that is not what a listener needs.
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        heard = [_Listener(port, session, pace) for session in sessions]
        for listener in heard:
            stack.callback(listener.close)
        apart = _hear(heard, begun, arriving, begun + arriving + seconds)
        ended = time.monotonic()
    silences = [listener.longest_silence(ended) for listener in heard]
    firsts = [listener.waited(ended) * 1000 for listener in heard]
    received = sum(listener.received for listener in heard)
    return {
        "value": received / (ended - begun) / 1e6,
        "received": received,
        "steady": sum(not silence for silence in silences),
        "silence": max(silences) * 1000,
        "p50": percentile(firsts, 0.5),
        "p99": percentile(firsts, 0.99),
        "between looks": apart * 1000,
        "begun": begun,
        "arrived": begun + arriving,
        "ended": ended,
    }


def _hear(heard: Sequence["_Listener"], begun: float, arriving: float, until: float) -> float:
    """Begin and hear until the end; return the longest time between two looks at a listener, in seconds."""
    arrived, apart, last = 0, 0.0, begun
    while (now := time.monotonic()) < until:
        apart, last = max(apart, now - last), now
        wanted = min(len(heard), int((now - begun) / arriving * len(heard)) + 1)
        for listener in heard[arrived:wanted]:
            listener.begin()
        arrived = wanted
        for listener in heard[:arrived]:
            listener.take()
        time.sleep(max(0.0, now + _TICK - time.monotonic()))
    return apart


class _Listener:
    """One player."""

    def __init__(self, port: int, session: Mapping[str, Any], pace: int) -> None:
        self._port = port
        self._request = get(session["path"], session["cookie"])
        self._size: int = session["size"]
        self._pace = pace
        self._connection: socket.socket | None = None
        self._head = b""
        self._asked_at = 0.0
        #: When the buffer will have run dry; None before the sound began.
        self._lasts_until: float | None = None
        self._longest = 0.0
        self._first_sound_at: float | None = None
        self.received = 0

    def begin(self) -> None:
        """Ask for the sound."""
        connection = socket.socket()
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _PACKET)
        connection.connect(("127.0.0.1", self._port))
        self._asked_at = time.monotonic()
        connection.sendall(self._request)
        connection.setblocking(False)

    def take(self) -> None:
        """Take what there is, until the buffer is full."""
        while self._lasts_until is None or self._lasts_until - time.monotonic() < _AHEAD:
            try:
                data = self._connection.recv(_READ) if self._connection else b""
            except BlockingIOError:
                return
            if not data:
                raise RuntimeError(f"A session ended after {self.received} of {self._size} bytes.")
            self._hear(self._body(data))

    def waited(self, ended: float) -> float:
        """Return the seconds from the request to the first sound, or to the end if there was none."""
        return (ended if self._first_sound_at is None else self._first_sound_at) - self._asked_at

    def longest_silence(self, ended: float) -> float:
        """Return the longest time without sound, in seconds, that of the end included."""
        if self._lasts_until is None:
            return ended - self._asked_at
        return max(self._longest, ended - self._lasts_until)

    def close(self) -> None:
        """Go away in the middle, as people do."""
        if self._connection:
            self._connection.close()

    def _body(self, data: bytes) -> int:
        """Return how many bytes of sound came. Raises RuntimeError for another answer than 200."""
        if self._head.endswith(b"\r\n\r\n"):
            return len(data)
        received = self._head + data
        end = received.find(b"\r\n\r\n")
        self._head = received if end < 0 else received[: end + 4]
        if end >= 0 and received[9:12] != b"200":
            raise RuntimeError(f"The server answered {received[:300]!r}.")
        return 0 if end < 0 else len(received) - end - 4

    def _hear(self, count: int) -> None:
        now = time.monotonic()
        self.received += count
        if self._lasts_until is not None:
            silence = now - self._lasts_until
            self._longest = max(self._longest, silence)
            self._lasts_until = max(now, self._lasts_until) + count / self._pace
        elif self.received >= self._pace * _PREROLL:
            self._lasts_until = now + self.received / self._pace
            self._first_sound_at = now
