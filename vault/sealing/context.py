"""The encryption context: key-value pairs that a sealed object is bound to, in a canonical serialisation.

It is not secret: it is in plaintext in the header of every object, authenticated by the wrapped data key and by the
header tag. A context has exactly one serialisation (AWS Encryption SDK, message header, section "Key Value Pairs"),
so equal contexts are equal bytes, and the parser refuses any other encoding.
"""

from collections.abc import Mapping

from vault.errors import Tampered
from vault.sealing.fields import MAX_PREFIXED, Fields, prefixed


def serialise(context: Mapping[str, str]) -> bytes:
    """Return the canonical bytes: empty for no pairs, otherwise the count and the sorted pairs.

    Pairs are in ascending order of their key's UTF-8 bytes. Raises ValueError for invalid Unicode (a lone surrogate)
    and for more than MAX_PREFIXED bytes in total.
    """
    if not context:
        return b""
    try:
        pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    except UnicodeEncodeError:
        raise ValueError("An encryption context must be Unicode text.") from None
    if len(pairs) > MAX_PREFIXED:
        raise ValueError(f"An encryption context must have at most {MAX_PREFIXED} pairs.")
    written = [len(pairs).to_bytes(2, "big")]
    for key, value in pairs:
        written += (prefixed(key), prefixed(value))
    serialised = b"".join(written)
    if len(serialised) > MAX_PREFIXED:
        raise ValueError(f"An encryption context must have at most {MAX_PREFIXED} bytes.")
    return serialised


def parse(data: bytes) -> dict[str, str]:
    """Parse the pairs of a canonical serialisation.

    Raises Tampered for anything that ``serialise`` does not write: a count of zero, unsorted or duplicate keys, bytes
    that are not UTF-8, and trailing bytes.
    """
    if not data:
        return {}
    if len(data) > MAX_PREFIXED:
        raise Tampered("The encryption context is too long.")
    fields = Fields(data)
    count = fields.number(2)
    if count == 0:
        raise Tampered("An empty encryption context must have no bytes.")
    context: dict[str, str] = {}
    previous: bytes | None = None
    for _ in range(count):
        key, value = fields.prefixed(), fields.prefixed()
        if previous is not None and key <= previous:
            raise Tampered("The keys of the encryption context are not in ascending order.")
        previous = key
        try:
            context[key.decode()] = value.decode()
        except UnicodeDecodeError:
            raise Tampered("The encryption context is not UTF-8.") from None
    fields.finish()
    return context
