"""Read what is sealed of a recording: ranges of its audio, and its waveform.

Each range is one read of only the frames it needs. The waveform is read from the row until the manifest is written, and
from then on from the manifest: it is half of what a recording would take in the database, and only a player's page
reads it.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.ports.objects import ObjectStore
from vault.sealing.opener import Opener

#: Plaintext bytes per read when the whole object is read.
_BLOCK = 1024 * 1024


class SealedAudio:
    """Read through an opener that pins the row's values. Never returns unauthenticated bytes."""

    def __init__(self, objects: ObjectStore, opener: Opener, sealed: SealedObject) -> None:
        """Read ``sealed`` from ``objects``; ``opener`` must be made for this object."""
        self._objects = objects
        self._opener = opener
        self.location = sealed.location
        self.size = sealed.size

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end). Raises Tampered, NotFound, Unavailable."""
        first, last = self._opener.span(start, end)
        ciphertext = await self._objects.read(self.location, first, last)
        # Opening a mebibyte takes about 150 microseconds: less than a hop to a thread and back.
        return self._opener.open(start, end, ciphertext)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the whole plaintext in blocks."""
        if self.size == 0:
            # An empty recording has one frame, which must be authenticated too.
            await self.read(0, 0)
        for start in range(0, self.size, _BLOCK):
            yield await self.read(start, min(self.size, start + _BLOCK))


async def with_waveform(objects: ObjectStore, recording: Recording, keys: RecordingKeys) -> RecordingKeys:
    """Return the keys of an available recording with its sealed waveform, from either place.

    Without one where decoders crashed or the manifest is missing. Raises Tampered for a manifest that is none, and
    Unavailable.
    """
    if keys.waveform is not None:
        return keys
    try:
        data = await objects.get(location_of(recording.account_id, recording.id))
    except NotFound:
        return keys
    return replace(keys, waveform=decode_manifest(data).keys.waveform)
