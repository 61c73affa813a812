"""A media host on loopback that takes every connection and never says a word."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PATIENCE = 30.0


class HangingHost:
    """Accepts and holds; what is asked of it stays in the buffers of the kernel."""

    def __init__(self) -> None:
        """Listen on a port of its own."""
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()

    @property
    def authority(self) -> str:
        """Return its host and port, as VAULT_MEDIA_ALLOW names them."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` fetches have been begun. Raises RuntimeError if they are not."""
        deadline = time.monotonic() + _PATIENCE
        while len(self._held) < count:
            if time.monotonic() > deadline:
                raise RuntimeError("The worker does not fetch from the host that hangs.")
            time.sleep(0.01)

    def close(self) -> None:
        """Let go of everyone."""
        # Closing alone does not wake a thread that is accepting.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for connection in self._held:
            connection.close()

    def _hold(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._held.append(connection)


@contextmanager
def hanging_host() -> Iterator[HangingHost]:
    """Run one for the length of a block."""
    host = HangingHost()
    try:
        yield host
    finally:
        host.close()
