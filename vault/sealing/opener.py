"""Opens ranges of a sealed object: says which bytes to fetch, and authenticates every frame of them.

An object alone proves too little: a valid object of another recording, an older one of the same
recording, or one cut at a frame boundary are all well formed. So the reader brings what it expects
from its own row, the context, the message id and the plaintext length, and nothing is returned from
a frame whose tag, place and length were not checked against them.
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
    """Opens one object. Holds no plaintext between calls; safe for several threads at once."""

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
        """Authenticate the header, and compare what it says with what is expected.

        ``header`` is the beginning of the object, at least the whole header, or a parsed one. The
        context must be exactly the one sealed, and the message id too where it is given. Without
        ``object_size`` the object is one that the vault's Sealer wrote; with it, the size must be
        that of ``plaintext_length`` in one of the two spellings of the final frame. Raises Tampered.
        """
        parsed = header if isinstance(header, Header) else parse_header(header)
        if dict(parsed.context) != dict(context):
            raise Tampered("The object was sealed for another context.")
        if message_id is not None and not hmac.compare_digest(parsed.message_id, message_id):
            raise Tampered("The object is another one than was stored.")
        self._cipher = authenticate_header(key, parsed)
        self._message_id = parsed.message_id
        self._layout = _layout(parsed, plaintext_length, object_size)

    @property
    def object_size(self) -> int:
        """Return the bytes of the whole object."""
        return self._layout.object_size

    @property
    def plaintext_length(self) -> int:
        """Return the bytes of plaintext in it."""
        return self._layout.plaintext_length

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the bytes [first, last) of the object that hold the plaintext [start, end).

        Only whole frames that are needed; a range up to the end includes the final frame even where
        it is empty. Raises ValueError for an empty range of a message that is not empty, and for one
        that lies outside.
        """
        return self._layout.span(start, end)

    def open(self, start: int, end: int, ciphertext: Bytes) -> bytes:
        """Return the plaintext [start, end) out of the object's bytes ``span(start, end)``.

        Raises Tampered, and returns nothing, if a single one of those bytes is wrong, missing or too
        much; ValueError as ``span`` does.
        """
        stored = memoryview(ciphertext).cast("B")
        first, last = self._layout.span(start, end)
        if len(stored) != last - first:
            raise Tampered("The object does not have the bytes that its frames need.")
        return fill(end - start, lambda output: self._open_frames(start, end, stored, output))

    def _open_frames(self, start: int, end: int, stored: memoryview, output: memoryview) -> None:
        """Open each frame, straight into its place where all of it was asked for.

        This loop is what opening costs beside the cipher, so it asks the layout once and not for each frame.
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
                # Released even when a frame is refused: a view that outlives the buffer cannot be freed with it.
                with output[below - start : above - start] as target:
                    self._open_frame(frame, sealed, target, final=last)
            else:
                whole = memoryview(bytearray(above - below))
                self._open_frame(frame, sealed, whole, final=last)
                low, high = max(start, below), min(end, above)
                output[low - start : high - start] = whole[low - below : high - below]

    def _open_frame(self, frame: int, sealed: memoryview, output: memoryview, *, final: bool) -> None:
        """Authenticate one frame at its place and write its plaintext to ``output``.

        The IV is the one that was stored: the tag covers it, and the AAD covers the place. Other
        writers may count IVs otherwise than we do.
        """
        number = (frame + 1).to_bytes(4, "big")
        if final:
            before, head = FINAL_MARKER + number, FINAL_HEAD_BYTES
            in_place = sealed[len(before) + IV_BYTES : head] == len(output).to_bytes(4, "big")
        else:
            before, head, in_place = number, REGULAR_HEAD_BYTES, True
        if not in_place or sealed[: len(before)] != before:
            raise Tampered("A frame of the object is not in its place.")
        iv = sealed[len(before) : len(before) + IV_BYTES]
        aad = frame_aad(self._message_id, number, len(output), final=final)
        try:
            self._cipher.decrypt_into(iv, sealed[head:], aad, output)
        except InvalidTag:
            raise Tampered("A frame of the object was changed.") from None


def _layout(header: Header, plaintext_length: int, object_size: int | None) -> Layout:
    """Return where the frames lie. Raises Tampered unless size and length fit each other."""
    header_length = len(header.write())
    if object_size is not None:
        layout = Layout.of_object(header_length, object_size, header.frame_length)
        if layout.plaintext_length != plaintext_length:
            raise Tampered("The object does not have the size of what was stored.")
        return layout
    return Layout(
        header_length=header_length,
        frame_length=header.frame_length,
        plaintext_length=plaintext_length,
    )
