"""A TCP relay between a primary and its standby: WAL arrives later, and is forgotten if the primary dies.

So a standby that is T seconds behind is made on one machine, as a slow line between two would make it.
"""

import contextlib
import socket
import threading
import time
from collections import deque

_BYTES = 256 * 1024
#: Poll interval in seconds while nothing is due earlier.
_POLL = 0.02


class WalRelay:
    """Listens on a port of loopback; what the primary sends is passed on ``delay`` seconds later."""

    def __init__(self, primary_port: int) -> None:
        """Listen, and connect to the primary for each connection that comes."""
        self.primary_port = primary_port
        #: Seconds; may be changed at any time, for what comes after it.
        self.delay = 0.0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop to listen and cut what is connected."""
        # Closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection and forget what was held for it."""
        with self._lock:
            cut, self._open = self._open, set()
        for one in cut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                standby, _ = self._listening.accept()
            except OSError:
                return  # Closed.
            try:
                primary = socket.create_connection(("127.0.0.1", self.primary_port), timeout=5)
            except OSError:
                standby.close()
                continue
            primary.settimeout(None)
            with self._lock:
                self._open |= {standby, primary}
            _Line(self, primary, standby).start()


class _Line:
    """One connection of the standby, and what is on its way to it."""

    def __init__(self, relay: WalRelay, primary: socket.socket, standby: socket.socket) -> None:
        self._relay, self._primary, self._standby = relay, primary, standby
        self._held: deque[tuple[float, bytes]] = deque()
        self._something = threading.Event()
        self._dead = False

    def start(self) -> None:
        for target in (self._from_primary, self._to_standby, self._to_primary):
            threading.Thread(target=target, daemon=True).start()

    def _from_primary(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._primary.recv(_BYTES):
                self._held.append((time.monotonic() + self._relay.delay, data))
                self._something.set()
        self._end()

    def _to_standby(self) -> None:
        with contextlib.suppress(OSError, IndexError):
            while not self._dead:
                if not self._held:
                    self._something.wait(1)
                    self._something.clear()
                    continue
                wait = self._held[0][0] - time.monotonic()
                if wait > 0:
                    time.sleep(min(wait, _POLL))
                    continue
                self._standby.sendall(self._held.popleft()[1])
        self._end()

    def _to_primary(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._standby.recv(_BYTES):
                self._primary.sendall(data)
        self._end()

    def _end(self) -> None:
        """The primary or the standby is gone: what is held never arrives."""
        self._dead = True
        self._held.clear()
        self._something.set()
        for one in (self._primary, self._standby):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
