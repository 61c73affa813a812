"""A file that lies on the other side of the socket: the child's only way to the plaintext."""

import io
import socket
from collections import OrderedDict

from vault.audio.protocol import BLOCK, HEAD, READ, VERSION, Kind, frame

#: Blocks that are kept. PyAV reads 32 KiB at a time and goes back and forth between index and audio.
CACHED_BLOCKS = 8


class PartnerLost(Exception):
    """The parent is gone, or said something that is not of the protocol."""


def receive(connection: socket.socket, expected: Kind) -> bytes:
    """Return the payload of the next frame, which must be of that kind. Raises PartnerLost."""
    version, kind, length = HEAD.unpack(_exactly(connection, HEAD.size))
    if version != VERSION or kind != expected or length > BLOCK:
        raise PartnerLost
    return _exactly(connection, length)


def send(connection: socket.socket, kind: Kind, payload: bytes) -> None:
    """Send one frame."""
    connection.sendall(frame(kind, payload))


def _exactly(connection: socket.socket, length: int) -> bytes:
    """Return that many bytes. Raises PartnerLost where the stream ends."""
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise PartnerLost
        view = view[count:]
    return bytes(buffer)


class RemoteFile(io.RawIOBase):
    """Reads blocks of the source as they are needed, and keeps the last few."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        """Stand at the first of ``size`` bytes."""
        super().__init__()
        self.connection = connection
        self.size = size
        self.position = 0
        self.blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read in any order."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, never to before the beginning; beyond the end is nothing to read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        end = self.size if size < 0 else min(self.size, self.position + size)
        parts = []
        while self.position < end:
            number, offset = divmod(self.position, BLOCK)
            part = self._block(number)[offset : offset + end - self.position]
            parts.append(part)
            self.position += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        """Return a block, from the parent where it is not kept. Raises PartnerLost."""
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
