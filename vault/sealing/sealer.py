"""Seals a stream of plaintext, block by block, in constant memory.

A sealer creates one message: it generates the data key and the message id, and the IV of a frame is its sequence
number. Two plaintexts under one sequence number would break AES-GCM, so a sealer cannot be rewound or copied, and
after a failure it stays closed. A retry needs a new sealer, hence a new object.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from vault.sealing import context as contexts
from vault.sealing.datakey import derive, header_tag, wrap_data_key
from vault.sealing.fields import Bytes
from vault.sealing.frames import (
    FINAL_HEAD_BYTES,
    FINAL_MARKER,
    FINAL_OVERHEAD,
    MAX_SEQUENCE,
    REGULAR_HEAD_BYTES,
    REGULAR_OVERHEAD,
    fill,
    frame_aad,
)
from vault.sealing.header import (
    FRAME_LENGTH,
    MAX_FRAME_LENGTH,
    MAX_HEADER_BYTES,
    MESSAGE_ID_BYTES,
    Header,
)
from vault.sealing.keys import KEY_BYTES, NamedKey

#: Prefix of context keys that the SDK reserves.
RESERVED_PREFIX = "aws-crypto-"
_ZEROS = bytes(8)


class Sealer:
    """Encrypts plaintext to an object: ``header``, then the results of ``update`` and ``finish``.

    ``header`` includes its tag; ``message_id`` is the value to pin for readers; ``plaintext_length`` is the number of
    bytes so far. Not thread-safe.
    """

    __slots__ = (
        "_cipher",
        "_closed",
        "_frame_length",
        "_pending",
        "_sequence",
        "header",
        "message_id",
        "plaintext_length",
    )

    def __init__(
        self, key: NamedKey, context: Mapping[str, str], *, frame_length: int = FRAME_LENGTH
    ) -> None:
        """Generate a data key, wrap it under ``key`` and build the header.

        Raises ValueError for a frame length outside 1..1 MiB, for a context that has reserved keys or is not Unicode,
        and if the header would be longer than MAX_HEADER_BYTES.
        """
        if not 0 < frame_length <= MAX_FRAME_LENGTH:
            raise ValueError(f"frame_length must be between 1 and {MAX_FRAME_LENGTH} bytes.")
        if any(name.startswith(RESERVED_PREFIX) for name in context):
            raise ValueError(f"Context keys that begin with {RESERVED_PREFIX} are reserved.")
        data_key = secrets.token_bytes(KEY_BYTES)
        self.message_id = secrets.token_bytes(MESSAGE_ID_BYTES)
        self._cipher, commitment = derive(data_key, self.message_id)
        header = Header(
            message_id=self.message_id,
            context=context,
            data_keys=(wrap_data_key(key, data_key, contexts.serialise(context)),),
            frame_length=frame_length,
            commitment=commitment,
        )
        self.header = replace(header, tag=header_tag(self._cipher, header.body())).write()
        if len(self.header) > MAX_HEADER_BYTES:
            raise ValueError(f"A header must have at most {MAX_HEADER_BYTES} bytes.")
        self.plaintext_length = 0
        self._frame_length = frame_length
        # At most one frame, buffered because the last frame must be a final one.
        self._pending = bytearray()
        self._sequence = 0
        self._closed = False

    def update(self, block: Bytes) -> bytes:
        """Encrypt the next plaintext, of any length; return the complete frames.

        The caller may reuse the block afterwards. Raises ValueError after ``finish``, after a failure, and if the
        message would have more than 2**32 - 1 frames.
        """
        data = memoryview(block).cast("B")
        self._begin()
        count = max(len(self._pending) + len(data) - 1, 0) // self._frame_length
        if self._sequence + count >= MAX_SEQUENCE:
            raise ValueError("A message must have at most 2**32 - 1 frames.")
        if count:
            size = count * (self._frame_length + REGULAR_OVERHEAD)
            sealed = fill(size, lambda output: self._seal_frames(data, count, output))
        else:
            self._pending += data
            sealed = b""
        self.plaintext_length += len(data)
        self._closed = False
        return sealed

    def finish(self) -> bytes:
        """Return the final frame, with 0 to ``frame_length`` bytes of plaintext, and close the sealer.

        It is empty only if the whole message is. Raises ValueError if called twice, and after a failure.
        """
        self._begin()
        sealed = fill(FINAL_OVERHEAD + len(self._pending), self._seal_final)
        self._pending.clear()
        return sealed

    def _begin(self) -> None:
        """Close before the work; ``update`` opens the sealer again if it succeeds."""
        if self._closed:
            raise ValueError("This sealer is closed: it was finished, or it failed.")
        self._closed = True

    def _seal_frames(self, data: memoryview, count: int, output: memoryview) -> None:
        """Write ``count`` regular frames from the pending bytes and ``data``; the rest becomes pending."""
        length = self._frame_length
        sealed_length = length + REGULAR_OVERHEAD
        taken = 0
        for start in range(0, count * sealed_length, sealed_length):
            target = output[start : start + sealed_length]
            if self._pending:
                taken = length - len(self._pending)
                self._pending += data[:taken]
                self._seal_frame(self._pending, target)
                self._pending.clear()
            else:
                self._seal_frame(data[taken : taken + length], target)
                taken += length
        self._pending += data[taken:]

    def _seal_frame(self, plaintext: bytearray | memoryview, output: memoryview) -> None:
        """Write the next regular frame: sequence number, IV, ciphertext and tag."""
        self._sequence += 1
        number = self._sequence.to_bytes(4, "big")
        iv = _ZEROS + number
        output[:REGULAR_HEAD_BYTES] = number + iv
        aad = frame_aad(self.message_id, number, len(plaintext), final=False)
        self._cipher.encrypt_into(iv, plaintext, aad, output[REGULAR_HEAD_BYTES:])

    def _seal_final(self, output: memoryview) -> None:
        """Write the final frame: marker, sequence number, IV, length, ciphertext and tag."""
        self._sequence += 1
        number = self._sequence.to_bytes(4, "big")
        iv = _ZEROS + number
        length = len(self._pending)
        output[:FINAL_HEAD_BYTES] = FINAL_MARKER + number + iv + length.to_bytes(4, "big")
        aad = frame_aad(self.message_id, number, length, final=True)
        self._cipher.encrypt_into(iv, self._pending, aad, output[FINAL_HEAD_BYTES:])

    def __copy__(self) -> NoReturn:
        """Refuse: two sealers with the same state would use an IV twice."""
        raise ValueError("A sealer cannot be copied.")

    def __deepcopy__(self, memo: object) -> NoReturn:
        """Refuse, as ``__copy__``."""
        self.__copy__()

    def __reduce__(self) -> NoReturn:
        """Refuse, as ``__copy__``; pickling would also write the message's key."""
        self.__copy__()
