"""The package that answers a request for access or portability: its files, and whose channel it may contain."""

import html
import struct
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from vault.domain.calls.call import Direction, Voice
from vault.domain.consent.call_claims import CallClaims
from vault.domain.recordings.recording import Recording
from vault.domain.requests.request import Request
from vault.rfc3339 import write_rfc3339

#: How long a package is kept, and how often it can be downloaded in that time.
LIFE: Final = timedelta(days=14)
MAX_DOWNLOADS: Final = 3
#: Keys of packages in the object store.
PREFIX: Final = "packages/"
#: Events of the access log that are consultations of a recording.
CONSULTATIONS: Final = frozenset(
    {"playback.open", "download.grant", "waveform.read", "evidence.read", "key.exported"}
)
_HEADER_BYTES: Final = 44
_SAMPLE_BYTES: Final = 2


def side_of(claims: CallClaims, numbers: Collection[str], agents: Collection[str]) -> Voice | None:
    """Return the side of the call on which the person was; None unless it is certainly one of them.

    ``claims`` with numbers in E.164.
    """
    sides: set[Voice] = set()
    if claims.callers & set(numbers):
        sides.add("caller")
    if claims.callees & set(numbers):
        sides.add("callee")
    if claims.agents & set(agents):
        sides |= {_agent_side(direction) for direction in claims.directions}
    return sides.pop() if len(sides) == 1 else None


def _agent_side(direction: Direction) -> Voice:
    return "callee" if direction == "inbound" else "caller"


def channel_of(recording: Recording, side: Voice | None) -> int | None:
    """Return the channel that has this side's voice alone; None where only a person can tell."""
    voices = recording.voices
    if side is None or recording.damaged or recording.channels is None or recording.channels < 2:  # noqa: PLR2004 - one voice each
        return None
    if len(voices) != recording.channels or voices.count(side) != 1:
        return None
    return voices.index(side)


class ChannelOf:
    """Takes one channel out of a PCM16 WAV file that comes in blocks of any length."""

    def __init__(self, channel: int) -> None:
        """Take this channel, from 0."""
        self._channel = channel
        self._head = b""
        self._rest = b""
        self._channels = 0

    def take(self, block: bytes) -> bytes:
        """Return what the mono file has of this block; its header comes with the first whole one."""
        if not self._channels:
            self._head += block
            if len(self._head) < _HEADER_BYTES:
                return b""
            head, block = self._head[:_HEADER_BYTES], self._head[_HEADER_BYTES:]
            (self._channels,) = struct.unpack_from("<H", head, 22)
            return _mono_header(head, self._channels) + self._samples(block)
        return self._samples(block)

    def _samples(self, block: bytes) -> bytes:
        data = self._rest + block
        width = _SAMPLE_BYTES * self._channels
        whole = len(data) - len(data) % width
        self._rest = data[whole:]
        samples = memoryview(data[:whole]).cast("h")[self._channel :: self._channels]
        return samples.tobytes()


def _mono_header(head: bytes, channels: int) -> bytes:
    rate, (size,) = struct.unpack_from("<I", head, 24)[0], struct.unpack_from("<I", head, 40)
    data = size // channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + data, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * _SAMPLE_BYTES, _SAMPLE_BYTES, 16, b"data", data,
    )  # fmt: skip


def request_json(request: Request, recipients: Sequence[str], *, made_at: datetime) -> dict[str, Any]:
    """Return what the package says of the request: article 15(1), as far as the vault knows it."""
    return {
        "request": request.id,
        "kind": request.kind,
        "regime": request.regime,
        "received_at": write_rfc3339(request.received_at),
        "made_at": write_rfc3339(made_at),
        "recipients": list(recipients),
        "source": "telephony platforms of the account, which are among the recipients",
    }


def index_html(request: Request, files: Sequence[str], *, made_at: datetime) -> str:
    """Return a page for people, without scripts, that names every file."""
    rows = "".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a></li>' for name in files)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Your data</title>'
        f"<h1>Your data</h1><p>Answer to your request of {request.received_at:%Y-%m-%d}, made {made_at:%Y-%m-%d}.</p>"
        "<p>Recordings contain your own voice; other voices may be heard faintly. <code>consultations.json</code> says "
        "when a recording was accessed. <code>SHA256SUMS</code> has the hash of every file.</p>"
        f"<ul>{rows}</ul></html>\n"
    )
