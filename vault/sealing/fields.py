"""Fields of a stored format: read in order from bytes that nobody vouches for yet, or written.

Numbers are unsigned and big-endian. A field is sliced only after its length was compared with what
is there, so a length that lies costs no memory.
"""

from vault.errors import Tampered

#: What a length prefix of two bytes can say.
MAX_PREFIXED = 2**16 - 1

#: What functions that take bytes accept: anything that lies in one piece.
Bytes = bytes | bytearray | memoryview


class Fields:
    """A cursor over ``data``. Every method raises Tampered when fewer bytes are left than it needs."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: Bytes) -> None:
        """Begin at the first byte; ``data`` is not copied."""
        self._data = memoryview(data)
        self._position = 0

    def take(self, length: int) -> bytes:
        """Return the next ``length`` bytes."""
        end = self._position + length
        if end > len(self._data):
            raise Tampered("A field reaches beyond the end of what is stored.")
        field = bytes(self._data[self._position : end])
        self._position = end
        return field

    def number(self, length: int) -> int:
        """Return the next number, which has ``length`` bytes."""
        return int.from_bytes(self.take(length), "big")

    def prefixed(self) -> bytes:
        """Return the next field that has its length in two bytes before it."""
        return self.take(self.number(2))

    def finish(self) -> None:
        """Raise Tampered if anything is left."""
        if self._position != len(self._data):
            raise Tampered("Bytes follow the last field.")


def prefixed(value: bytes) -> bytes:
    """Return ``value`` with its length in two bytes before it. ValueError beyond MAX_PREFIXED."""
    if len(value) > MAX_PREFIXED:
        raise ValueError(f"A field has at most {MAX_PREFIXED} bytes.")
    return len(value).to_bytes(2, "big") + value
