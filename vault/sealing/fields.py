"""Reads the fields of a binary format from untrusted bytes, in order, and writes length-prefixed fields.

Numbers are unsigned and big-endian. A field's length is checked against the remaining bytes before the field is
read, so a false length allocates no memory.
"""

from vault.errors import Tampered

#: Maximum of a two-byte length prefix.
MAX_PREFIXED = 2**16 - 1

#: Contiguous buffers, accepted by all functions that read bytes.
Bytes = bytes | bytearray | memoryview


class Fields:
    """A cursor over ``data``. Every method raises Tampered if too few bytes remain."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: Bytes) -> None:
        """Start at the first byte; ``data`` is not copied."""
        self._data = memoryview(data)
        self._position = 0

    def take(self, length: int) -> bytes:
        """Return the next ``length`` bytes."""
        end = self._position + length
        if end > len(self._data):
            raise Tampered("A field extends beyond the end of the stored bytes.")
        field = bytes(self._data[self._position : end])
        self._position = end
        return field

    def number(self, length: int) -> int:
        """Return the next number of ``length`` bytes."""
        return int.from_bytes(self.take(length), "big")

    def prefixed(self) -> bytes:
        """Return the next field with a two-byte length prefix."""
        return self.take(self.number(2))

    def rest(self) -> bytes:
        """Return all bytes that remain."""
        return self.take(len(self._data) - self._position)

    def finish(self) -> None:
        """Raise Tampered if bytes remain."""
        if self._position != len(self._data):
            raise Tampered("There are bytes after the last field.")


def prefixed(value: bytes) -> bytes:
    """Return ``value`` with a two-byte length prefix. Raises ValueError above MAX_PREFIXED bytes."""
    if len(value) > MAX_PREFIXED:
        raise ValueError(f"A field must have at most {MAX_PREFIXED} bytes.")
    return len(value).to_bytes(2, "big") + value
