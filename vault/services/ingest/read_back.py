"""Read a sealed object back once, for its proof and for its decoder: every tag is verified and the whole is hashed."""

import hashlib
import hmac
from collections import OrderedDict
from typing import Final

from vault.domain.recordings.recording import SealedObject
from vault.errors import Tampered
from vault.ports.objects import ObjectStore
from vault.sealing.opener import Opener
from vault.thread_pools import Threads

#: Plaintext bytes of one read from the store: an object of up to 8 MB takes at most two.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: Smaller chunks are opened on the loop: a hop to a thread costs more CPU than half a millisecond.
_INLINE_BYTES: Final = 1024 * 1024
#: A decoder goes back and forth between the index and the audio.
_MAX_CHUNKS: Final = 2


class ReadBack:
    """The AudioSource of a stored object. Memory use: _MAX_CHUNKS chunks, and the ciphertext of the newest.

    Each chunk is hashed, in order, when it is first there, so a decoder that reads from start to end costs no second
    read. Returns authenticated bytes only: the opener pins the row's header, length and context.
    """

    def __init__(
        self, objects: ObjectStore, opener: Opener, sealed: SealedObject, *, sha256: bytes, threads: Threads
    ) -> None:
        """Read ``sealed``; ``opener`` must be made for this object, ``sha256`` is that of the received audio."""
        self.size = sealed.size
        self._objects = objects
        self._opener = opener
        self._location = sealed.location
        self._sha256 = sha256
        self._threads = threads
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._digest = hashlib.sha256()
        #: Chunks that are hashed, from the first one on.
        self._hashed = 0

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end). Raises Tampered, NotFound, Unavailable."""
        parts = []
        while start < end:
            number, offset = divmod(start, CHUNK_BYTES)
            part = (await self._chunk(number))[offset : offset + end - start]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def finish(self) -> None:
        """Read and hash what was not read yet. Raises Tampered, NotFound, Unavailable."""
        # An empty recording has one frame, which must be authenticated too.
        while self._hashed * CHUNK_BYTES < max(1, self.size):
            await self._chunk(self._hashed)

    async def _chunk(self, number: int) -> bytes:
        if number in self._chunks:
            self._chunks.move_to_end(number)
            return self._chunks[number]
        start = number * CHUNK_BYTES
        end = min(start + CHUNK_BYTES, self.size)
        while len(self._chunks) >= _MAX_CHUNKS:
            self._chunks.popitem(last=False)
        ciphertext = await self._objects.read(self._location, *self._opener.span(start, end))
        if end - start < _INLINE_BYTES:
            chunk = self._open(number, start, end, ciphertext)
        else:
            chunk = await self._threads.run(self._open, number, start, end, ciphertext)
        self._chunks[number] = chunk
        return chunk

    def _open(self, number: int, start: int, end: int, ciphertext: bytes) -> bytes:
        chunk = self._opener.open(start, end, ciphertext)
        if number == self._hashed:
            self._digest.update(chunk)
            self._hashed += 1
            if end == self.size and not hmac.compare_digest(self._digest.digest(), self._sha256):
                raise Tampered(
                    "The hash of the object that was read back differs from that of the received audio."
                )
        return chunk
