"""The limits of one download, and the minimum rate of a body.

A server that sends one byte now and then would occupy a worker for days. So a body has a timeout without a byte, a
minimum of bytes in each window, and a least rate of the whole, at every moment and whatever length it announced: a host
that announces two gigabytes is not waited for until they could have come. All count only the seconds spent waiting for
the server, not the time the vault takes to seal and store.
"""

from dataclasses import dataclass

from vault.domain.recordings.media import MAX_AUDIO_BYTES
from vault.errors import FetchFailed
from vault.ports.telephony import MediaTooSlow


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
    #: A body may have taken this time, and a second for each ``rate`` bytes that have arrived.
    grace: float = 60
    rate: float = 64 * 1024
    #: In every window of this length ...
    window: float = 60
    #: ... at least this many bytes must arrive: 16 KiB for a second, twice as fast as telephone audio is spoken.
    window_bytes: int = 60 * 16 * 1024
    max_bytes: int = MAX_AUDIO_BYTES
    max_head_bytes: int = 32 * 1024
    max_head_fields: int = 100
    #: The only port allowed for https, except for the operator's trusted hosts.
    https_port: int = 443


class Pace:
    """Counts the bytes of one body and the seconds waited for them. It does not read a clock."""

    def __init__(self, limits: Limits) -> None:
        """Start at zero."""
        self.limits = limits
        self.received = 0
        self._waited = 0.0
        self._window_end = limits.window
        self._window_bytes = 0

    def patience(self) -> float:
        """Return the timeout of the next block in seconds: the smallest of the three timeouts' remainders."""
        wait = min(self.limits.idle, self._left())
        if self._window_bytes < self.limits.window_bytes:
            wait = min(wait, self._window_end - self._waited)
        return max(0.0, wait)

    def take(self, size: int, seconds: float) -> None:
        """Count a block of ``size`` bytes that took ``seconds``.

        Raises FetchFailed, final, for more bytes than the limit; MediaTooSlow.
        """
        self.received += size
        self._waited += seconds
        self._window_bytes += size
        if self.received > self.limits.max_bytes:
            raise FetchFailed(f"The media has more than {self.limits.max_bytes} bytes.", final=True)
        if self._left() < 0:
            raise too_slow()
        if self._waited >= self._window_end:
            if self._window_bytes < self.limits.window_bytes:
                raise too_slow()
            self._window_end = self._waited + self.limits.window
            self._window_bytes = 0

    def _left(self) -> float:
        return self.limits.grace + self.received / self.limits.rate - self._waited


def too_slow() -> MediaTooSlow:
    """Build the error of all three timeouts."""
    return MediaTooSlow(
        "The media arrived too slowly: a host must not pause for 15 seconds, and after a minute it must have sent "
        "64 KiB for each further second."
    )
