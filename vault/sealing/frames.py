"""What writer and reader of frames have in common: their constants, their AAD, their output.

Layout: AWS Encryption SDK message format, section "Framed Data"; see FORMAT.md.
"""

import io
from collections.abc import Callable

from vault.sealing.header import TAG_BYTES

#: Sequence number and IV.
REGULAR_HEAD_BYTES = 4 + 12
#: Marker, sequence number, IV and length.
FINAL_HEAD_BYTES = 4 + 4 + 12 + 4
#: What a frame adds to its plaintext.
REGULAR_OVERHEAD = REGULAR_HEAD_BYTES + TAG_BYTES
FINAL_OVERHEAD = FINAL_HEAD_BYTES + TAG_BYTES
FINAL_MARKER = b"\xff\xff\xff\xff"
MAX_SEQUENCE = 2**32 - 1

_REGULAR = b"AWSKMSEncryptionClient Frame"
_FINAL = b"AWSKMSEncryptionClient Final Frame"


def frame_aad(message_id: bytes, sequence: bytes, length: int, *, final: bool) -> bytes:
    """Return what binds a frame to its message, its place, its length and its kind.

    ``sequence`` is the number in its four bytes, ``length`` that of the frame's plaintext.
    """
    return message_id + (_FINAL if final else _REGULAR) + sequence + length.to_bytes(8, "big")


def fill(size: int, write: Callable[[memoryview], None]) -> bytes:
    """Return ``size`` bytes that ``write`` puts in place, without a copy of the whole at the end.

    A BytesIO hands over the bytes object that it wrote into; making bytes of a bytearray would copy a
    block once more, which costs a fifth of the speed of sealing. If ``write`` raises, what it
    wrote is dropped.
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
