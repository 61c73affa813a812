"""Common parts of writing and reading frames: constants, AAD, and output buffer.

Layout: AWS Encryption SDK message format, section "Framed Data"; see FORMAT.md.
"""

import io
from collections.abc import Callable

from vault.sealing.header import TAG_BYTES

#: Sequence number and IV.
REGULAR_HEAD_BYTES = 4 + 12
#: Marker, sequence number, IV and length.
FINAL_HEAD_BYTES = 4 + 4 + 12 + 4
#: Bytes that a frame adds to its plaintext.
REGULAR_OVERHEAD = REGULAR_HEAD_BYTES + TAG_BYTES
FINAL_OVERHEAD = FINAL_HEAD_BYTES + TAG_BYTES
FINAL_MARKER = b"\xff\xff\xff\xff"
MAX_SEQUENCE = 2**32 - 1

_REGULAR = b"AWSKMSEncryptionClient Frame"
_FINAL = b"AWSKMSEncryptionClient Final Frame"


def frame_aad(message_id: bytes, sequence: bytes, length: int, *, final: bool) -> bytes:
    """Return the AAD, which binds a frame to its message, position, length and kind.

    ``sequence`` is the sequence number in four bytes, ``length`` the length of the frame's plaintext.
    """
    return message_id + (_FINAL if final else _REGULAR) + sequence + length.to_bytes(8, "big")


def fill(size: int, write: Callable[[memoryview], None]) -> bytes:
    """Return ``size`` bytes written by ``write``, without a final copy.

    A BytesIO returns its internal bytes object; converting a bytearray to bytes would copy the block, which costs a
    fifth of the speed of sealing. If ``write`` raises, the output is discarded.
    """
    if size == 0:
        write(memoryview(bytearray()))
        return b""
    output = io.BytesIO()
    output.seek(size - 1)
    output.write(b"\0")
    with output.getbuffer() as view:
        write(view)
    return output.getvalue()
