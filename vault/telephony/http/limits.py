"""The limits of one fetch, and the pace a body must keep.

A server that sends one byte now and then would hold a worker for days. So a body has three clocks: the
time without any byte, the time for a minimum of bytes, and the time for the whole. They count only the
seconds spent waiting for the server: our own sealing and storing is not the server's fault.
"""

from dataclasses import dataclass

from vault.errors import FetchFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one fetch may take. Durations are in seconds, sizes in bytes."""

    dns: float = 5
    #: For the connection, and again for the TLS handshake.
    connect: float = 5
    #: From the request until the whole head of the answer is there.
    head: float = 10
    #: Without a byte of the body.
    idle: float = 15
    #: For the whole body, whatever its size...
    total: float = 60
    #: ... and as much again as its size takes at this rate, in bytes a second.
    total_rate: float = 64 * 1024
    #: In every window of this length ...
    window: float = 20
    #: ... at least this many bytes arrive. Telephone audio as it is spoken is 8000 bytes a second.
    window_bytes: int = 20 * 4096
    max_bytes: int = 2 * 1024**3
    max_head_bytes: int = 32 * 1024
    max_head_fields: int = 100
    #: The only port of https; others stand in the operator's list.
    https_port: int = 443


class Pace:
    """Counts the bytes of one body and the seconds waited for them. It has no clock of its own."""

    def __init__(self, limits: Limits, length: int | None) -> None:
        """Begin at nothing. ``length`` is the declared one; without it, the largest counts."""
        self.limits = limits
        self.received = 0
        self._waited = 0.0
        size = limits.max_bytes if length is None else length
        self._deadline = limits.total + size / limits.total_rate
        self._window_end = limits.window
        self._window_bytes = 0

    def patience(self) -> float:
        """Return how many seconds the next block may take; more than that is a passed limit."""
        wait = min(self.limits.idle, self._deadline - self._waited)
        if self._window_bytes < self.limits.window_bytes:
            wait = min(wait, self._window_end - self._waited)
        return max(0.0, wait)

    def take(self, size: int, seconds: float) -> None:
        """Count a block of ``size`` bytes that took ``seconds``.

        Raises FetchFailed: final for more bytes than the limit, else for a pace that is too slow.
        """
        self.received += size
        self._waited += seconds
        self._window_bytes += size
        if self.received > self.limits.max_bytes:
            raise FetchFailed(f"The media has more than {self.limits.max_bytes} bytes.", final=True)
        if self._waited > self._deadline:
            raise too_slow()
        if self._waited >= self._window_end:
            if self._window_bytes < self.limits.window_bytes:
                raise too_slow()
            self._window_end = self._waited + self.limits.window
            self._window_bytes = 0


def too_slow() -> FetchFailed:
    """Return the error of every passed clock; another attempt may meet a faster server."""
    return FetchFailed("The media came too slowly.")
