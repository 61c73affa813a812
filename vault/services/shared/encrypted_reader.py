"""The plaintext of one sealed object, by ranges: each a single read of only the frames needed."""

from collections.abc import AsyncIterator

from vault.domain.recordings.recording import SealedObject
from vault.ports.objects import ObjectStore
from vault.sealing.opener import Opener

#: Plaintext bytes read at once when all of it is wanted.
_BLOCK = 1024 * 1024


class SealedAudio:
    """Reads through an opener that pins what the row says. Nothing unauthenticated comes out."""

    def __init__(self, objects: ObjectStore, opener: Opener, sealed: SealedObject) -> None:
        """Read ``sealed`` from ``objects``; the opener was made for exactly this object."""
        self._objects = objects
        self._opener = opener
        self._location = sealed.location
        self.size = sealed.size

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end). Raises Tampered, NotFound, Unavailable."""
        first, last = self._opener.span(start, end)
        ciphertext = await self._objects.read(self._location, first, last)
        # Opening a mebibyte takes about 150 microseconds: less than a hop to a thread and back.
        return self._opener.open(start, end, ciphertext)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield all of it, block by block."""
        if self.size == 0:
            # An empty recording still has a frame that says so, and it must be the right one.
            await self.read(0, 0)
        for start in range(0, self.size, _BLOCK):
            yield await self.read(start, min(self.size, start + _BLOCK))
