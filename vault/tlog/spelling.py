"""The one spelling of text, numbers and bytes in notes, checkpoints and proof files.

What is signed or counted must have one form only: base64 with its padding and no stray bits (RFC
4648, section 4), decimals without leading zeros, UTF-8 lines that end in a line feed. Every reader
raises Tampered and names the part, before anything of the stated size is made.
"""

from base64 import b64decode, b64encode
from re import compile as pattern

from vault.errors import Tampered
from vault.tlog.hashing import HASH_BYTES, MAX_SIZE

_DECIMAL = pattern(r"0|[1-9][0-9]{0,18}")
#: C2SP signed-note: no ASCII control character but the line feed.
_CONTROL = pattern(r"[\x00-\x09\x0b-\x1f]")
#: In a name: these, a plus, and half a surrogate pair, which has no UTF-8.
_UNNAMEABLE = pattern(r"[\x00-\x1f+\ud800-\udfff]")


def read_text(data: bytes, what: str, *, limit: int) -> str:
    """Return UTF-8 text that ends in a line feed and has no other control character."""
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
    """Tell whether a text ends in a line feed and has no other control character."""
    return text.endswith("\n") and not _CONTROL.search(text)


def is_name(name: str) -> bool:
    """Tell whether this can be the name of a key: not empty, no Unicode space, no plus, nothing unwritable."""
    return bool(name) and not _UNNAMEABLE.search(name) and not any(map(str.isspace, name))


def read_decimal(text: str, what: str) -> int:
    """Return a decimal of 0 to 2^63 - 1, without sign or leading zeros."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise Tampered(f"The {what} is not a decimal of 0 to 2^63 - 1 without leading zeros.")
    return number


def read_base64(text: str, what: str) -> bytes:
    """Return the bytes of canonical base64: what writes back as the same text."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    if write_base64(data) != text:
        raise Tampered(f"The {what} is not canonical base64.")
    return data


def read_hash(text: str, what: str) -> bytes:
    """Return a hash of 32 bytes from canonical base64."""
    data = read_base64(text, what)
    if len(data) != HASH_BYTES:
        raise Tampered(f"The {what} has not {HASH_BYTES} bytes.")
    return data


def write_base64(data: bytes) -> str:
    """Return standard base64, padded, on one line."""
    return b64encode(data).decode()
