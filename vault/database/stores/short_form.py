"""The short form of a recording's messages and headers in its rows: without what the row says too.

A message under the recording key begins with a header of some 420 bytes (vault/sealing/FORMAT.md, section 2.1). In it
account, recording, purpose and name of the key repeat the row, and lengths are always the same. A row holds::

    03 || evidence digest, 32 || message id, 32 || iv of the data key, 12 || wrapped data key, 48
       || commitment, 32 || header tag, 16 || frames

``lengthen`` gives back the message to the last byte. Readers above the stores, manifests and the object store have only
whole messages. A message that does not come back stays whole, as those of earlier releases: it begins with 02.
"""

from typing import Final

from vault.domain.stored import encryption_context as bound
from vault.errors import Tampered
from vault.sealing.datakey import INFO_LENGTHS, IV_BYTES
from vault.sealing.fields import Fields
from vault.sealing.header import (
    COMMITMENT_BYTES,
    FRAME_LENGTH,
    MESSAGE_ID_BYTES,
    TAG_BYTES,
    EncryptedDataKey,
    Header,
    parse_header,
)
from vault.sealing.keys import KEY_BYTES, NAMESPACE, recording_key_name

_SHORT: Final = b"\x03"
_DIGEST_BYTES: Final = 32


def shorten(message: bytes, account_id: str, recording_id: str, purpose: bound.Purpose) -> bytes:
    """Return the short form of a message or of its header; what is no message of this recording stays as it is."""
    try:
        header = parse_header(message)
        evidence = bytes.fromhex(header.context.get("evidence", ""))
    except (Tampered, ValueError):
        return message
    [data_key, *_] = header.data_keys
    parts = (
        _SHORT, evidence, header.message_id, data_key.info[-IV_BYTES:], data_key.ciphertext, header.commitment,
        header.tag, message[len(header.write()) :],
    )  # fmt: skip
    short = b"".join(parts)
    return short if lengthen(short, account_id, recording_id, purpose) == message else message


def lengthen(stored: bytes, account_id: str, recording_id: str, purpose: bound.Purpose) -> bytes:
    """Return the message or header of either form. A short one that was cut stays as it is, and does not open."""
    if not stored.startswith(_SHORT):
        return stored
    try:
        return _lengthened(stored, account_id, recording_id, purpose)
    except Tampered:
        return stored


def _lengthened(stored: bytes, account_id: str, recording_id: str, purpose: bound.Purpose) -> bytes:
    fields = Fields(stored)
    fields.take(len(_SHORT))
    evidence = fields.take(_DIGEST_BYTES).hex()
    message_id, iv = fields.take(MESSAGE_ID_BYTES), fields.take(IV_BYTES)
    data_key = EncryptedDataKey(
        provider=NAMESPACE.encode(),
        info=recording_key_name(recording_id).encode() + INFO_LENGTHS + iv,
        ciphertext=fields.take(KEY_BYTES + TAG_BYTES),
    )
    header = Header(
        message_id=message_id,
        context=bound.of_recording(account_id, recording_id, purpose, evidence),
        data_keys=(data_key,),
        frame_length=FRAME_LENGTH,
        commitment=fields.take(COMMITMENT_BYTES),
        tag=fields.take(TAG_BYTES),
    )
    return header.write() + fields.rest()
