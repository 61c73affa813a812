"""The canonical encoding of text, numbers and bytes in notes, checkpoints and proof files.

Signed data must have exactly one encoding: base64 with padding and without stray bits (RFC 4648, section 4),
decimals without leading zeros, UTF-8 lines that end in a line feed. Every reader raises Tampered with the name of
the part, before it allocates memory of a stated size.
"""

from base64 import b64decode, b64encode
from re import compile as pattern

from vault.errors import Tampered
from vault.tlog.hashing import HASH_BYTES, MAX_SIZE

_DECIMAL = pattern(r"0|[1-9][0-9]{0,18}")
#: C2SP signed-note: no ASCII control character except the line feed.
_CONTROL = pattern(r"[\x00-\x09\x0b-\x1f]")
#: Not allowed in a name: control characters, plus, and half a surrogate pair, which UTF-8 cannot encode.
_UNNAMEABLE = pattern(r"[\x00-\x1f+\ud800-\udfff]")


def read_text(data: bytes, what: str, *, limit: int) -> str:
    """Decode UTF-8 text that ends in a line feed and has no other control character."""
    if len(data) > limit:
        raise Tampered(f"The {what} has more than {limit} bytes.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Tampered(f"The {what} is not UTF-8.") from None
    if is_plain(text):
        return text
    raise Tampered(f"The {what} does not end in a line feed, or has a control character.")


def is_plain(text: str) -> bool:
    """Return whether a text ends in a line feed and has no other control character."""
    return text.endswith("\n") and not _CONTROL.search(text)


def is_name(name: str) -> bool:
    """Return whether this is a valid key name: not empty, without spaces, plus or characters UTF-8 cannot encode."""
    return bool(name) and not _UNNAMEABLE.search(name) and not any(map(str.isspace, name))


def read_decimal(text: str, what: str) -> int:
    """Parse a decimal from 0 to 2^63 - 1, without sign or leading zeros."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise Tampered(f"The {what} is not a decimal from 0 to 2^63 - 1 without leading zeros.")
    return number


def read_base64(text: str, what: str) -> bytes:
    """Decode canonical base64, whose encoding is the same text again."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    if write_base64(data) != text:
        raise Tampered(f"The {what} is not canonical base64.")
    return data


def read_hash(text: str, what: str) -> bytes:
    """Decode a hash of 32 bytes from canonical base64."""
    data = read_base64(text, what)
    if len(data) != HASH_BYTES:
        raise Tampered(f"The {what} does not have {HASH_BYTES} bytes.")
    return data


def write_base64(data: bytes) -> str:
    """Return standard base64, padded, on one line."""
    return b64encode(data).decode()
