"""A strict parser for webhook forms and query strings, from raw bytes and without loss.

The adapter must read exactly what the signature covers. So order, duplicates and blank values are
preserved, there is one interpretation (an ampersand separates, a plus is a space, percent signs escape UTF-8),
and input that libraries interpret differently - incomplete escapes, invalid UTF-8, raw control characters -
is refused, not repaired.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from vault.errors import Invalid

#: Maximum bytes of a form or a query string.
MAX_BYTES = 64 * 1024
#: Maximum fields of a form; the longest known callbacks have about fifty.
MAX_FIELDS = 200

#: A percent sign without two hex digits: some parsers keep it, some refuse it.
BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: Control characters and spaces. Encoded text is printable ASCII, or UTF-8 that the sender did not encode.
RAW_CONTROL = re.compile(rb"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Form:
    """Names and values in the order they were sent."""

    pairs: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str | None:
        """Return the first value of ``name``, which may be blank; None if it was not sent."""
        return next((value for key, value in self.pairs if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of ``name``, in order."""
        return tuple(value for key, value in self.pairs if key == name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs in order."""
        return iter(self.pairs)

    def __len__(self) -> int:
        """Return the number of pairs, duplicates included."""
        return len(self.pairs)


def parse_form(body: bytes) -> Form:
    """Parse an x-www-form-urlencoded ``body``. Raises Invalid, field ``body``."""
    return _parse(body, field="body")


def parse_query(query: str | bytes) -> Form:
    """Parse a raw query string, without its question mark. Raises Invalid, field ``query``."""
    if isinstance(query, str):
        try:
            query = query.encode("utf-8")
        except UnicodeEncodeError:
            raise Invalid("The query is not UTF-8.", field="query") from None
    return _parse(query, field="query")


def _parse(raw: bytes, *, field: str) -> Form:
    if len(raw) > MAX_BYTES:
        raise Invalid(f"The {field} has more than {MAX_BYTES} bytes.", field=field)
    if RAW_CONTROL.search(raw) is not None or BAD_ESCAPE.search(raw) is not None:
        raise Invalid(f"The {field} is not urlencoded.", field=field)
    # Every parser ignores an empty piece, as in a=1&&b=2.
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > MAX_FIELDS:
        raise Invalid(f"The {field} has more than {MAX_FIELDS} fields.", field=field)
    pairs = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        pairs.append((_text(name, field), _text(value, field)))
    return Form(tuple(pairs))


def _text(encoded: bytes, field: str) -> str:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"The {field} is not UTF-8.", field=field) from None
