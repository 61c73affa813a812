"""The header of a sealed object: what it says, as bytes and as a noun.

Layout: AWS Encryption SDK message format v2, section "Header Body"; see FORMAT.md. Only suite
0x0478, framed, is read; version 1, signed suites and non-framed messages are refused, because each
is a way to a message without key commitment or without ranges. Until the tag has been checked
(``vault/sealing/datakey.py``) nothing in a header is to be believed, so every limit is enforced
while parsing, before anything of the stated size is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vault.errors import Tampered
from vault.sealing import context as contexts
from vault.sealing.fields import Bytes, Fields, prefixed

#: Version 2, and algorithm suite AES_256_GCM_HKDF_SHA512_COMMIT_KEY.
VERSION = b"\x02"
SUITE = b"\x04\x78"
#: Content type "framed".
FRAMED = b"\x02"
MESSAGE_ID_BYTES = 32
COMMITMENT_BYTES = 32
TAG_BYTES = 16
#: Plaintext bytes of a regular frame, as the vault writes it, and at most, as it reads it.
FRAME_LENGTH = 64 * 1024
MAX_FRAME_LENGTH = 1024 * 1024
#: A header is at most this long, its tag included. Whoever reads one fetches so many bytes.
MAX_HEADER_BYTES = 16 * 1024
MAX_DATA_KEYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedDataKey:
    """The data key of one message, wrapped by one key. All three fields are opaque bytes here."""

    #: The namespace of the key that wraps.
    provider: bytes
    #: Its name, and what is needed to unwrap.
    info: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header, field by field. One from ``parse_header`` is well formed, but not yet authentic."""

    #: 32 random bytes, fresh for each message.
    message_id: bytes
    context: Mapping[str, str]
    data_keys: tuple[EncryptedDataKey, ...]
    #: Plaintext bytes of a regular frame.
    frame_length: int
    #: Commits the message to one data key.
    commitment: bytes
    #: AES-GCM tag over the body; empty in a header that is being written.
    tag: bytes = b""

    def body(self) -> bytes:
        """Return the bytes that the tag covers."""
        written = [VERSION, SUITE, self.message_id, prefixed(contexts.serialise(self.context))]
        written.append(len(self.data_keys).to_bytes(2, "big"))
        for data_key in self.data_keys:
            written += (prefixed(data_key.provider), prefixed(data_key.info), prefixed(data_key.ciphertext))
        written += (FRAMED, self.frame_length.to_bytes(4, "big"), self.commitment)
        return b"".join(written)

    def write(self) -> bytes:
        """Return the header as it is stored: the body and its tag."""
        return self.body() + self.tag


def parse_header(data: Bytes) -> Header:
    """Read the header at the beginning of ``data``, which may go on behind it.

    Hand over the first MAX_HEADER_BYTES of the object, or all of a shorter one: every header that is
    accepted ends within them, so there is no "more bytes needed". Raises Tampered, and nothing else,
    for a header that is malformed, cut short, beyond a limit, or of another version or suite.
    The parser accepts one spelling only, so ``parse_header(data).write()`` is what was read.
    """
    fields = Fields(memoryview(data).cast("B")[:MAX_HEADER_BYTES])
    if fields.take(len(VERSION)) != VERSION:
        raise Tampered("The object has another format version.")
    if fields.take(len(SUITE)) != SUITE:
        raise Tampered("The object has another algorithm suite.")
    message_id = fields.take(MESSAGE_ID_BYTES)
    context = contexts.parse(fields.prefixed())
    data_keys = _parse_data_keys(fields)
    if fields.take(len(FRAMED)) != FRAMED:
        raise Tampered("The object is not framed.")
    frame_length = fields.number(4)
    if not 0 < frame_length <= MAX_FRAME_LENGTH:
        raise Tampered("The object has a frame length beyond the limits.")
    return Header(
        message_id=message_id,
        context=context,
        data_keys=data_keys,
        frame_length=frame_length,
        commitment=fields.take(COMMITMENT_BYTES),
        tag=fields.take(TAG_BYTES),
    )


def _parse_data_keys(fields: Fields) -> tuple[EncryptedDataKey, ...]:
    """Read the count and the wrapped data keys, at least one."""
    count = fields.number(2)
    if not 0 < count <= MAX_DATA_KEYS:
        raise Tampered("The object has no data key, or too many.")
    return tuple(
        EncryptedDataKey(
            provider=fields.prefixed(),
            info=fields.prefixed(),
            ciphertext=fields.prefixed(),
        )
        for _ in range(count)
    )
