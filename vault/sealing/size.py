"""Exact arithmetic of sealed objects: how long a header and an object are, and where a range lies.

Everything here follows from four numbers, so a reader needs one GET for any range and a writer knows
the size of an object before it has sealed a byte.
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

#: All fields of a header with one data key that have a fixed length, its tag included.
_FIXED_HEADER_BYTES = (
    (len(VERSION) + len(SUITE) + MESSAGE_ID_BYTES)
    + 2  # Length of the context.
    + 2  # Number of data keys.
    + 3 * 2  # Lengths of the three fields of the data key.
    + (len(INFO_LENGTHS) + IV_BYTES + KEY_BYTES + TAG_BYTES)
    + (len(FRAMED) + 4 + COMMITMENT_BYTES + TAG_BYTES)
)


def header_length(name: str, context: Mapping[str, str], *, namespace: str = NAMESPACE) -> int:
    """Return the bytes of the header that a Sealer writes under a key of this name, tag included."""
    variable = len(namespace.encode()) + len(name.encode()) + len(contexts.serialise(context))
    return _FIXED_HEADER_BYTES + variable


def object_size(header_length: int, plaintext_length: int, frame_length: int = FRAME_LENGTH) -> int:
    """Return the bytes of the object that a Sealer writes."""
    return Layout(
        header_length=header_length, frame_length=frame_length, plaintext_length=plaintext_length
    ).object_size


def plaintext_length(header_length: int, object_size: int, frame_length: int = FRAME_LENGTH) -> int:
    """Return the bytes of plaintext in an object of this size. Tampered if no object has it."""
    return Layout.of_object(header_length, object_size, frame_length).plaintext_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the frames of one object lie. Offsets are bytes from its beginning; frames count from 0."""

    #: Bytes before the first frame, the header's tag included.
    header_length: int
    #: Plaintext bytes of a regular frame.
    frame_length: int
    plaintext_length: int
    #: The other spelling of a length that is a multiple of the frame length: an empty final frame
    #: behind regular ones. The official SDK for Python writes it; the vault's final frame is full.
    empty_final: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that no object has."""
        if self.header_length < 0 or self.frame_length < 1 or self.plaintext_length < 0:
            raise ValueError("A layout has lengths from zero up, and frames of at least one byte.")
        if self.empty_final and (not self.plaintext_length or self.plaintext_length % self.frame_length):
            raise ValueError("Only whole frames can be followed by an empty final frame.")
        if self.regular_frames >= MAX_SEQUENCE:
            raise ValueError("A message has at most 2**32 - 1 frames.")

    @classmethod
    def of_object(cls, header_length: int, object_size: int, frame_length: int) -> Self:
        """Return the one layout that has this size. Raises Tampered if none has."""
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
        """Return the bytes of the whole object."""
        regular = self.regular_frames
        final = self.plaintext_length - regular * self.frame_length
        return self.offset(regular) + FINAL_OVERHEAD + final

    def offset(self, frame: int) -> int:
        """Return where a frame begins."""
        return self.header_length + frame * (self.frame_length + REGULAR_OVERHEAD)

    def frames(self, start: int, end: int) -> range:
        """Return the frames that hold the plaintext [start, end).

        A range up to the end takes the final frame with it even where that one is empty, so reading
        everything authenticates everything. Raises ValueError for a range that is empty or lies
        outside; the only empty range is that of an empty message.
        """
        total = self.plaintext_length
        if not 0 <= start <= end <= total or (start == end and total):
            raise ValueError("A range has at least one byte and lies inside the plaintext.")
        last = self.regular_frames if end == total else (end - 1) // self.frame_length
        return range(start // self.frame_length, last + 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the bytes of the object to fetch for the plaintext [start, end); see ``frames``."""
        frames = self.frames(start, end)
        final = frames.stop - 1 == self.regular_frames
        return self.offset(frames.start), self.object_size if final else self.offset(frames.stop)
