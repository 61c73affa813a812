"""A file-like object that reads over the socket: the child's only access to the plaintext."""

import io
import socket
from collections import OrderedDict

from vault.audio.protocol import BLOCK, HEAD, READ, VERSION, Kind, frame

#: Size of the block cache. PyAV reads 32 KiB at a time and seeks between index and audio.
CACHED_BLOCKS = 8


class PartnerLost(Exception):
    """The parent closed the connection or violated the protocol."""


def receive(connection: socket.socket, expected: Kind) -> bytes:
    """Receive a frame of the ``expected`` kind and return its payload. Raises PartnerLost."""
    version, kind, length = HEAD.unpack(_exactly(connection, HEAD.size))
    if version != VERSION or kind != expected or length > BLOCK:
        raise PartnerLost
    return _exactly(connection, length)


def send(connection: socket.socket, kind: Kind, payload: bytes) -> None:
    """Send one frame."""
    connection.sendall(frame(kind, payload))


def _exactly(connection: socket.socket, length: int) -> bytes:
    """Receive exactly ``length`` bytes. Raises PartnerLost if the stream ends."""
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise PartnerLost
        view = view[count:]
    return bytes(buffer)


class RemoteFile(io.RawIOBase):
    """Reads blocks of the source on demand, with a small cache."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        """Start at position 0 of a source of ``size`` bytes."""
        super().__init__()
        self.connection = connection
        self.size = size
        self.position = 0
        self.blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, at least 0; reads beyond the end return no bytes."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, fewer only at the end."""
        end = self.size if size < 0 else min(self.size, self.position + size)
        parts = []
        while self.position < end:
            number, offset = divmod(self.position, BLOCK)
            part = self._block(number)[offset : offset + end - self.position]
            parts.append(part)
            self.position += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        """Return a block from the cache or the parent. Raises PartnerLost."""
        if number in self.blocks:
            self.blocks.move_to_end(number)
            return self.blocks[number]
        send(self.connection, Kind.READ, READ.pack(number))
        block = receive(self.connection, Kind.DATA)
        if len(block) != min(BLOCK, self.size - number * BLOCK):
            raise PartnerLost
        self.blocks[number] = block
        if len(self.blocks) > CACHED_BLOCKS:
            self.blocks.popitem(last=False)
        return block
