"""The package that answers a request for access or portability: its limits, and its files."""

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from vault.domain.calls.call import Voice
from vault.domain.recordings.media import HEADER_BYTES, SAMPLE_BYTES, wav_header
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Packaged, Request
from vault.errors import DescriberCrashed
from vault.rfc3339 import write_rfc3339

#: How long a package is kept, and how often it can be downloaded in that time.
LIFE: Final = timedelta(days=14)
MAX_DOWNLOADS: Final = 3
#: Max bytes of a part. No part comes near: one ends at the latest with the recording that makes it longer than
#: MAX_PART_BYTES, of which the longest has 2 GiB.
MAX_BYTES: Final = 4 * 1024**3
#: Bytes of recordings in a part, unless it has one alone, and their number.
MAX_PART_BYTES: Final = 1024**3
MAX_PART_RECORDINGS: Final = 10_000
#: Keys of packages in the object store.
PREFIX: Final = "packages/"
#: Events of the access log that are consultations of a recording.
CONSULTATIONS: Final = frozenset(
    {"playback.open", "download.grant", "waveform.read", "evidence.read", "key.exported"}
)
#: Why a recording is not in the package, or not completely: it is in quarantine or in flight; recording it was refused
#: or failed; it was erased after the decision; nobody can cut the person's voice out of it; it cannot be decoded or
#: decrypted; or the object store has lost it.
LeftOut = Literal["not_available", "not_stored", "erased", "no_channel_alone", "not_readable", "missing"]


def part_id(request_id: str, part: int) -> str:
    """Return the id of a part of a request's package: its first one has that of the request."""
    return request_id if part == 1 else f"{request_id}.{part}"


def is_wanting(packaged: Packaged | None, parts: int, now: datetime) -> bool:
    """Return whether parts of a package are to be made: not all ever were, or they are lost before they expire.

    A restore of the database from the object store alone brings no package back. ``parts``: how many there are.
    """
    return packaged is None or (parts < packaged.parts and now < packaged.at + LIFE)


def why_without_audio(state: State | None) -> LeftOut:
    """Return why there is no audio of a recording that is not available; None: there is no such recording any more."""
    if state in {State.REFUSED, State.FAILED}:
        return "not_stored"
    return "erased" if state is None or state in GONE else "not_available"


class ChannelOf:
    """Takes one channel out of a PCM16 WAV file that comes in blocks of any length."""

    def __init__(self, channel: int, *, of: int) -> None:
        """Take this channel, from 0, ``of`` so many."""
        self._channel, self._expected = channel, of
        self._head = b""
        self._rest = b""
        self._channels = 0

    def take(self, block: bytes) -> bytes:
        """Return what the mono file has of this block; its header comes with the first whole one.

        Raises DescriberCrashed if the file has another number of channels: then nobody knows whose they are.
        """
        if not self._channels:
            self._head += block
            if len(self._head) < HEADER_BYTES:
                return b""
            head, block = self._head[:HEADER_BYTES], self._head[HEADER_BYTES:]
            (self._channels,) = struct.unpack_from("<H", head, 22)
            if self._channels != self._expected:
                text = (
                    f"The describer decoded {self._channels} channels of a recording with {self._expected}."
                )
                raise DescriberCrashed(text)
            return _mono_header(head, self._channels) + self._samples(block)
        return self._samples(block)

    def _samples(self, block: bytes) -> bytes:
        data = self._rest + block
        width = SAMPLE_BYTES * self._channels
        whole = len(data) - len(data) % width
        self._rest = data[whole:]
        samples = memoryview(data[:whole]).cast("h")[self._channel :: self._channels]
        return samples.tobytes()


def _mono_header(head: bytes, channels: int) -> bytes:
    rate, (size,) = struct.unpack_from("<I", head, 24)[0], struct.unpack_from("<I", head, 40)
    return wav_header(sample_rate=rate, channels=1, samples=size // (SAMPLE_BYTES * channels))


def request_json(
    request: Request,
    recipients: Sequence[str],
    left_out: Mapping[str, LeftOut],
    echoes: Sequence[str],
    *,
    made_at: datetime,
) -> dict[str, Any]:
    """Return the file about the request: article 15(1), as far as the vault knows it."""
    return {
        "request": request.id,
        "kind": request.kind,
        "regime": request.regime,
        "received_at": write_rfc3339(request.received_at),
        "made_at": write_rfc3339(made_at),
        "recipients": list(recipients),
        "source": "telephony platforms of the account, which are among the recipients",
        "left_out": [{"recording": name, "reason": reason} for name, reason in left_out.items()],
        "echoes": list(echoes),
    }


def evidence_json(content: Mapping[str, Any], digest: str, side: Voice | None) -> dict[str, Any]:
    """Return an entry of a recording's evidence for the person on this side of the call; None: for all of it.

    ``content`` is the entry as it was sealed. Left out are the numbers of the parties, keys of the account, and words
    that somebody typed: they may be about the other party.
    """
    events = [*content.get("consent", []), *([content["event"]] if "event" in content else [])]
    consent = [
        {name: value for name, value in event.items() if name != "told_by"}
        for event in events
        if side is None or event.get("party") == side
    ]
    shown = {name: content[name] for name in ("kind", "at", "decision") if name in content}
    return {**shown, "digest": digest, "consent": consent}
