"""Statements as text for both drivers, with named parameters of declared types.

SQLite takes the text as it is, with ``:name``. PostgreSQL takes it with ``$1`` and the parameters in the binary form
of the protocol (text and numbers) or as array literals, so nothing is built or adapted for each call.
"""

import itertools
import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg

_NAME: Final = re.compile(r"(?<!:):([a-z_][a-z_0-9]*)")
_numbers = itertools.count(1)
_Encoder = Callable[[Any], bytes]
_Decoder = Callable[[bytes], Any]


class HotText:
    """One statement. PostgreSQL's text may differ from SQLite's; the names of the parameters are the same."""

    def __init__(self, text: str, *, postgresql: str | None = None, **kinds: str) -> None:
        """Translate ``text``; ``kinds`` gives the type of each parameter: a key of _KINDS."""
        self.sqlite = text
        ordered: list[str] = []

        def place(match: "re.Match[str]") -> str:
            name = match[1]
            if name not in ordered:
                ordered.append(name)
            return f"${ordered.index(name) + 1}"

        self.text = _NAME.sub(place, postgresql or text).encode()
        self._names = tuple(ordered)
        self._encoders = tuple(_KINDS[kinds[name]][1] for name in ordered)
        self.oids = tuple(_KINDS[kinds[name]][0] for name in ordered)
        self.formats = tuple(_KINDS[kinds[name]][2] for name in ordered)
        #: The name of the prepared statement, the same in every session.
        self.prepared = f"hot_{next(_numbers)}".encode()

    def encode(self, values: Mapping[str, Any]) -> list[bytes | None]:
        """Return the parameters for PostgreSQL. Raises psycopg.DataError for text with a NUL character."""
        pairs = zip(self._names, self._encoders, strict=True)
        return [None if (value := values[name]) is None else encode(value) for name, encode in pairs]


def decoder_of(oid: int) -> _Decoder:
    """Return the decoder for a column in PostgreSQL's binary form. Raises KeyError for a type not used here."""
    return _DECODERS[oid]


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text cannot contain NUL characters.")
    return value.encode()


def _quoted(value: str) -> bytes:
    return b'"' + _text(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _array(encode: _Encoder) -> Callable[[Sequence[Any]], bytes]:
    def encode_array(values: Sequence[Any]) -> bytes:
        return b"{" + b",".join(b"NULL" if one is None else encode(one) for one in values) + b"}"

    return encode_array


def _bytes_in_array(value: bytes) -> bytes:
    return b'"\\\\x' + value.hex().encode() + b'"'


def _decimal(value: int) -> bytes:
    return b"%d" % value


def _letter(value: object) -> bytes:
    return b"t" if value else b"f"


#: OID, encoder, and whether the encoding is the binary form (1) or a literal (0).
_KINDS: Final[Mapping[str, tuple[int, _Encoder, int]]] = {
    "text": (25, _text, 1),
    "bigint": (20, struct.Struct("!q").pack, 1),
    "bytea": (17, bytes, 1),
    "boolean": (16, _letter, 0),
    "text[]": (1009, _array(_quoted), 0),
    "bigint[]": (1016, _array(_decimal), 0),
    "integer[]": (1007, _array(_decimal), 0),
    "bytea[]": (1001, _array(_bytes_in_array), 0),
    "boolean[]": (1000, _array(_letter), 0),
    "json[]": (199, _array(_quoted), 0),
}


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _float(value: bytes) -> float:
    number: float = struct.unpack("!d", value)[0]
    return number


def _boolean(value: bytes) -> bool:
    return value == b"\x01"


_DECODERS: Final[Mapping[int, _Decoder]] = {
    16: _boolean,
    17: bytes,
    20: _number,
    21: _number,
    23: _number,
    25: bytes.decode,
    114: json.loads,
    701: _float,
    1043: bytes.decode,
    # void, the result of a lock function
    2278: bytes,
}
