"""The header of a sealed object: encoding and parsing.

Layout: AWS Encryption SDK message format v2, section "Header Body"; see FORMAT.md. Only suite 0x0478 with framed
content is accepted; version 1, signed suites and non-framed messages are refused, because they lack key commitment
or prevent range reads. A header is untrusted until its tag is verified (``vault/sealing/datakey.py``), so
every limit is enforced while parsing, before memory of a stated size is allocated.
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
#: Plaintext bytes of a regular frame: the length that the vault writes, and the maximum that it accepts.
FRAME_LENGTH = 64 * 1024
MAX_FRAME_LENGTH = 1024 * 1024
#: Maximum length of a header, including its tag. A reader fetches this many bytes.
MAX_HEADER_BYTES = 16 * 1024
MAX_DATA_KEYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedDataKey:
    """The data key of one message, wrapped by one key. All three fields are opaque bytes here."""

    #: The namespace of the wrapping key.
    provider: bytes
    #: The name of the wrapping key, and the parameters for unwrapping.
    info: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields of a header. The result of ``parse_header`` is well formed, but not authenticated."""

    #: 32 random bytes, new for each message.
    message_id: bytes
    context: Mapping[str, str]
    data_keys: tuple[EncryptedDataKey, ...]
    #: Plaintext bytes of a regular frame.
    frame_length: int
    #: Commits the message to one data key.
    commitment: bytes
    #: AES-GCM tag over the body; empty while a header is being built.
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
        """Encode the header: the body and its tag."""
        return self.body() + self.tag


def parse_header(data: Bytes) -> Header:
    """Parse the header at the start of ``data``; bytes after it are ignored.

    Pass the first MAX_HEADER_BYTES of the object, or all of a shorter one: every accepted header is within them.
    Raises Tampered, and no other error, for a header that is malformed, truncated, beyond a limit, or of another
    version or suite. Only one encoding is accepted, so ``parse_header(data).write()`` returns the parsed bytes.
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
    """Parse the count and the wrapped data keys, at least one."""
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
