"""Opens ranges of a sealed object: computes the bytes to fetch, and authenticates each of their frames.

A valid object is not necessarily the expected one: it may be of another recording, an older one of the same
recording, or truncated at a frame boundary. So the reader passes the context, the message id and the plaintext
length from its own row, and plaintext is returned only from frames whose tag, position and length match them.
"""

import hmac
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag

from vault.errors import Tampered
from vault.sealing.datakey import IV_BYTES, authenticate_header
from vault.sealing.fields import Bytes
from vault.sealing.frames import (
    FINAL_HEAD_BYTES,
    FINAL_MARKER,
    FINAL_OVERHEAD,
    REGULAR_HEAD_BYTES,
    REGULAR_OVERHEAD,
    fill,
    frame_aad,
)
from vault.sealing.header import Header, parse_header
from vault.sealing.keys import NamedKey
from vault.sealing.size import Layout


class Opener:
    """Opens one object. Keeps no plaintext between calls; thread-safe."""

    __slots__ = ("_cipher", "_layout", "_message_id")

    def __init__(
        self,
        key: NamedKey,
        header: Bytes | Header,
        *,
        plaintext_length: int,
        context: Mapping[str, str],
        message_id: bytes | None = None,
        object_size: int | None = None,
    ) -> None:
        """Authenticate the header, and compare it with the expected values.

        ``header`` is the start of the object with at least the whole header, or a parsed header. The context must be
        equal to the sealed one, and so must the message id if it is given. Without ``object_size`` the object must be
        written by the vault's Sealer; with it, the size must match ``plaintext_length`` in one of the two layouts of
        the final frame. Raises Tampered.
        """
        parsed = header if isinstance(header, Header) else parse_header(header)
        if dict(parsed.context) != dict(context):
            raise Tampered("The object was sealed for another context.")
        if message_id is not None and not hmac.compare_digest(parsed.message_id, message_id):
            raise Tampered("The object has another message id than the stored object.")
        self._cipher = authenticate_header(key, parsed)
        self._message_id = parsed.message_id
        self._layout = _layout(parsed, plaintext_length, object_size)

    @property
    def object_size(self) -> int:
        """Return the length of the whole object."""
        return self._layout.object_size

    @property
    def plaintext_length(self) -> int:
        """Return the length of the plaintext."""
        return self._layout.plaintext_length

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the byte range [first, last) of the object with the plaintext [start, end).

        It covers only the necessary frames; a range up to the end includes the final frame even if that is empty.
        Raises ValueError for an empty range of a non-empty message, and for one outside the plaintext.
        """
        return self._layout.span(start, end)

    def open(self, start: int, end: int, ciphertext: Bytes) -> bytes:
        """Decrypt the plaintext [start, end) from the object's bytes ``span(start, end)``.

        Raises Tampered if any of those bytes is wrong, missing or added; ValueError as ``span`` does.
        """
        stored = memoryview(ciphertext).cast("B")
        first, last = self._layout.span(start, end)
        if len(stored) != last - first:
            raise Tampered("The number of bytes does not match the frames of the range.")
        return fill(end - start, lambda output: self._open_frames(start, end, stored, output))

    def _open_frames(self, start: int, end: int, stored: memoryview, output: memoryview) -> None:
        """Open each frame, directly into the output where the whole frame was requested.

        Apart from the cipher, this loop is the cost of opening, so it reads the layout once, not per frame.
        """
        layout, length = self._layout, self._layout.frame_length
        final, position = layout.regular_frames, 0
        for frame in layout.frames(start, end):
            last = frame == final
            below = frame * length
            above = layout.plaintext_length if last else below + length
            stop = position + above - below + (FINAL_OVERHEAD if last else REGULAR_OVERHEAD)
            sealed, position = stored[position:stop], stop
            if start <= below and above <= end:
                # Released also if a frame is refused: the buffer cannot be freed while a view exists.
                with output[below - start : above - start] as target:
                    self._open_frame(frame, sealed, target, final=last)
            else:
                whole = memoryview(bytearray(above - below))
                self._open_frame(frame, sealed, whole, final=last)
                low, high = max(start, below), min(end, above)
                output[low - start : high - start] = whole[low - below : high - below]

    def _open_frame(self, frame: int, sealed: memoryview, output: memoryview, *, final: bool) -> None:
        """Authenticate one frame at its position and write its plaintext to ``output``.

        The stored IV is used: the tag covers it, and the AAD covers the position. Other writers may number IVs
        differently.
        """
        number = (frame + 1).to_bytes(4, "big")
        if final:
            before, head = FINAL_MARKER + number, FINAL_HEAD_BYTES
            length_matches = sealed[len(before) + IV_BYTES : head] == len(output).to_bytes(4, "big")
        else:
            before, head, length_matches = number, REGULAR_HEAD_BYTES, True
        if not length_matches or sealed[: len(before)] != before:
            raise Tampered("A frame of the object has a wrong position or length.")
        iv = sealed[len(before) : len(before) + IV_BYTES]
        aad = frame_aad(self._message_id, number, len(output), final=final)
        try:
            self._cipher.decrypt_into(iv, sealed[head:], aad, output)
        except InvalidTag:
            raise Tampered("A frame of the object was changed.") from None


def _layout(header: Header, plaintext_length: int, object_size: int | None) -> Layout:
    """Return the layout of the frames. Raises Tampered unless size and length match."""
    header_length = len(header.write())
    if object_size is not None:
        layout = Layout.of_object(header_length, object_size, header.frame_length)
        if layout.plaintext_length != plaintext_length:
            raise Tampered("The object does not have the size of the stored object.")
        return layout
    return Layout(
        header_length=header_length,
        frame_length=header.frame_length,
        plaintext_length=plaintext_length,
    )
