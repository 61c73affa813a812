"""The limits of one download, and the minimum rate of a body.

A server that sends one byte now and then would occupy a worker for days. So a body has three timeouts: idle time,
a minimum of bytes per window, and total time. They count only the seconds spent waiting for the server, not the
time the vault takes to seal and store.
"""

from dataclasses import dataclass

from vault.domain.recordings.media import MAX_AUDIO_BYTES
from vault.errors import FetchFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one download. Durations are in seconds, sizes in bytes."""

    dns: float = 5
    #: Timeout of the TCP connection, and again of the TLS handshake.
    connect: float = 5
    #: Timeout from the request to the end of the response headers.
    head: float = 10
    #: Timeout without a byte of the body.
    idle: float = 15
    #: Timeout of the whole body: this constant ...
    total: float = 60
    #: ... plus the body's size divided by this rate, in bytes per second.
    total_rate: float = 64 * 1024
    #: In every window of this length ...
    window: float = 20
    #: ... at least this many bytes must arrive. Real-time telephone audio is 8000 bytes per second.
    window_bytes: int = 20 * 4096
    max_bytes: int = MAX_AUDIO_BYTES
    max_head_bytes: int = 32 * 1024
    max_head_fields: int = 100
    #: The only port allowed for https, except for the operator's trusted hosts.
    https_port: int = 443


class Pace:
    """Counts the bytes of one body and the seconds waited for them. It does not read a clock."""

    def __init__(self, limits: Limits, length: int | None) -> None:
        """Start at zero. ``length`` is the Content-Length; without one, ``max_bytes`` is assumed."""
        self.limits = limits
        self.received = 0
        self._waited = 0.0
        size = limits.max_bytes if length is None else length
        self._deadline = limits.total + size / limits.total_rate
        self._window_end = limits.window
        self._window_bytes = 0

    def patience(self) -> float:
        """Return the timeout of the next block in seconds: the smallest of the three timeouts' remainders."""
        wait = min(self.limits.idle, self._deadline - self._waited)
        if self._window_bytes < self.limits.window_bytes:
            wait = min(wait, self._window_end - self._waited)
        return max(0.0, wait)

    def take(self, size: int, seconds: float) -> None:
        """Count a block of ``size`` bytes that took ``seconds``.

        Raises FetchFailed: final for more bytes than the limit, not final for a rate that is too low.
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
    """Build the error of all three timeouts. It is not final: a retry may reach a faster server."""
    return FetchFailed("The media arrived too slowly.")
