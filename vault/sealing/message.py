"""Seals and opens small data as whole messages: details, waveforms, evidence, credentials.

The format is that of audio objects. A whole message authenticates its own end (the tag of its last frame covers the
final marker), so it can be opened without a pinned length.
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
    """Seal ``plaintext`` as one message. Raises ValueError as Sealer does."""
    sealer = Sealer(key, context, frame_length=frame_length)
    return b"".join((sealer.header, sealer.update(plaintext), sealer.finish()))


def open_message(
    key: NamedKey, message: Bytes, *, context: Mapping[str, str], message_id: bytes | None = None
) -> bytes:
    """Open a whole message that was sealed under ``key`` for exactly this context.

    Pass ``message_id`` where an older message with the same context must not be accepted. Raises Tampered for another
    key, context or id, and for any added, missing or changed byte.
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
