"""Small things, sealed and opened whole: details, waveforms, evidence, credentials.

The format is that of audio objects, one message each. A whole message authenticates its own end (its
last frame is marked as final under the tag), so it can be opened without a pinned length.
"""

from collections.abc import Mapping

from vault.sealing.fields import Bytes
from vault.sealing.header import FRAME_LENGTH, parse_header
from vault.sealing.keys import NamedKey
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer
from vault.sealing.size import plaintext_length


def seal(
    key: NamedKey, context: Mapping[str, str], plaintext: Bytes, *, frame_length: int = FRAME_LENGTH
) -> bytes:
    """Return ``plaintext`` as one sealed message. Raises ValueError as Sealer does."""
    sealer = Sealer(key, context, frame_length=frame_length)
    return b"".join((sealer.header, sealer.update(plaintext), sealer.finish()))


def open_message(
    key: NamedKey, message: Bytes, *, context: Mapping[str, str], message_id: bytes | None = None
) -> bytes:
    """Return the plaintext of a whole message sealed under ``key`` for exactly this context.

    Give ``message_id`` where an older message of the same context must not pass for this one.
    Raises Tampered for anything else: another key, context or id, and a single byte more, less or
    changed.
    """
    stored = memoryview(message).cast("B")
    header = parse_header(stored)
    header_length = len(header.write())
    length = plaintext_length(header_length, len(stored), header.frame_length)
    opener = Opener(
        key,
        header,
        plaintext_length=length,
        context=context,
        message_id=message_id,
        object_size=len(stored),
    )
    return opener.open(0, length, stored[header_length:])
