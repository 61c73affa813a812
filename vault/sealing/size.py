"""Sizes and offsets in sealed objects: the length of header and object, and the position of a range.

They are exact, so a reader needs one GET for any range, and a writer knows the size of an object before sealing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from vault.errors import Tampered
from vault.sealing import context as contexts
from vault.sealing.datakey import INFO_LENGTHS, IV_BYTES
from vault.sealing.frames import FINAL_OVERHEAD, MAX_SEQUENCE, REGULAR_OVERHEAD
from vault.sealing.header import (
    COMMITMENT_BYTES,
    FRAME_LENGTH,
    FRAMED,
    MESSAGE_ID_BYTES,
    SUITE,
    TAG_BYTES,
    VERSION,
)
from vault.sealing.keys import KEY_BYTES, NAMESPACE

#: Length of all fixed-length fields of a header with one data key, including its tag.
_FIXED_HEADER_BYTES = (
    (len(VERSION) + len(SUITE) + MESSAGE_ID_BYTES)
    + 2  # Length of the context.
    + 2  # Number of data keys.
    + 3 * 2  # Lengths of the three fields of the data key.
    + (len(INFO_LENGTHS) + IV_BYTES + KEY_BYTES + TAG_BYTES)
    + (len(FRAMED) + 4 + COMMITMENT_BYTES + TAG_BYTES)
)


def header_length(name: str, context: Mapping[str, str], *, namespace: str = NAMESPACE) -> int:
    """Return the length of the header that a Sealer writes under a key with this name, including the tag."""
    variable = len(namespace.encode()) + len(name.encode()) + len(contexts.serialise(context))
    return _FIXED_HEADER_BYTES + variable


def object_size(header_length: int, plaintext_length: int, frame_length: int = FRAME_LENGTH) -> int:
    """Return the length of the object that a Sealer writes."""
    return Layout(
        header_length=header_length, frame_length=frame_length, plaintext_length=plaintext_length
    ).object_size


def plaintext_length(header_length: int, object_size: int, frame_length: int = FRAME_LENGTH) -> int:
    """Return the plaintext length of an object with this size. Raises Tampered if no object has this size."""
    return Layout.of_object(header_length, object_size, frame_length).plaintext_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The positions of an object's frames. Offsets are bytes from its start; frames are numbered from 0."""

    #: Bytes before the first frame, including the header's tag.
    header_length: int
    #: Plaintext bytes of a regular frame.
    frame_length: int
    plaintext_length: int
    #: The alternative layout of a plaintext whose length is a multiple of the frame length: an empty final frame
    #: after regular ones. The official SDK for Python writes it; the vault's final frame is full.
    empty_final: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.header_length < 0 or self.frame_length < 1 or self.plaintext_length < 0:
            raise ValueError("Lengths must not be negative, and frame_length must be at least 1.")
        if self.empty_final and (not self.plaintext_length or self.plaintext_length % self.frame_length):
            raise ValueError("An empty final frame requires a plaintext of whole frames.")
        if self.regular_frames >= MAX_SEQUENCE:
            raise ValueError("A message must have at most 2**32 - 1 frames.")

    @classmethod
    def of_object(cls, header_length: int, object_size: int, frame_length: int) -> Self:
        """Return the only layout with this size. Raises Tampered if there is none."""
        body = object_size - header_length - FINAL_OVERHEAD
        regular, final = divmod(body, frame_length + REGULAR_OVERHEAD)
        if body < 0 or final > frame_length or regular >= MAX_SEQUENCE:
            raise Tampered("No sealed object has this size.")
        return cls(
            header_length=header_length,
            frame_length=frame_length,
            plaintext_length=regular * frame_length + final,
            empty_final=regular > 0 and final == 0,
        )

    @property
    def regular_frames(self) -> int:
        """Return the number of regular frames, which is also the index of the final one."""
        if self.empty_final:
            return self.plaintext_length // self.frame_length
        return max(self.plaintext_length - 1, 0) // self.frame_length

    @property
    def object_size(self) -> int:
        """Return the length of the whole object."""
        regular = self.regular_frames
        final = self.plaintext_length - regular * self.frame_length
        return self.offset(regular) + FINAL_OVERHEAD + final

    def offset(self, frame: int) -> int:
        """Return the offset of a frame."""
        return self.header_length + frame * (self.frame_length + REGULAR_OVERHEAD)

    def frames(self, start: int, end: int) -> range:
        """Return the frames with the plaintext [start, end).

        A range up to the end includes the final frame even if that is empty, so reading the whole plaintext
        authenticates the whole object. Raises ValueError for a range that is empty or outside the plaintext; only
        the range of an empty message may be empty.
        """
        total = self.plaintext_length
        if not 0 <= start <= end <= total or (start == end and total):
            raise ValueError("A range must have at least one byte and be inside the plaintext.")
        last = self.regular_frames if end == total else (end - 1) // self.frame_length
        return range(start // self.frame_length, last + 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the byte range of the object to fetch for the plaintext [start, end); see ``frames``."""
        frames = self.frames(start, end)
        final = frames.stop - 1 == self.regular_frames
        return self.offset(frames.start), self.object_size if final else self.offset(frames.stop)
