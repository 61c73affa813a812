"""The data key of one message: how a named key wraps it, and what is derived from it.

The wrapped form is that of the SDK's raw AES keyring with a tag of 128 bits and an IV of 12 bytes,
so the official SDK opens our messages with nothing but the key and its name. The data key is never
used itself: HKDF-SHA512 (RFC 5869) makes from it and the message id the key of the message and the
commitment that the header carries. The commitment is compared before the key is used for anything,
because AES-GCM alone lets one ciphertext open under two keys.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from vault.errors import Tampered
from vault.sealing import context as contexts
from vault.sealing.header import COMMITMENT_BYTES, SUITE, TAG_BYTES, EncryptedDataKey, Header
from vault.sealing.keys import KEY_BYTES, NamedKey

IV_BYTES = 12
#: The header is sealed under this IV. Frames begin at sequence number 1, so none collides with it.
HEADER_IV = bytes(IV_BYTES)
#: Tag length in bits and IV length in bytes, as the raw AES keyring writes both behind a key's name.
INFO_LENGTHS = (8 * TAG_BYTES).to_bytes(4, "big") + IV_BYTES.to_bytes(4, "big")


def wrap_data_key(key: NamedKey, data_key: bytes, context: bytes) -> EncryptedDataKey:
    """Wrap ``data_key`` under ``key``, bound to the serialised context, with a random IV.

    Raises ValueError for a namespace that the SDK keeps for AWS KMS.
    """
    if key.namespace.startswith("aws-kms"):
        raise ValueError("Namespaces that begin with aws-kms belong to AWS KMS.")
    iv = secrets.token_bytes(IV_BYTES)
    return EncryptedDataKey(
        provider=key.namespace.encode(),
        info=key.name.encode() + INFO_LENGTHS + iv,
        ciphertext=AESGCM(key.secret).encrypt(iv, data_key, context),
    )


def unwrap_data_key(key: NamedKey, data_keys: tuple[EncryptedDataKey, ...], context: bytes) -> bytes:
    """Return the data key from the first entry that ``key`` opens. Raises Tampered if none does."""
    provider, info = key.namespace.encode(), key.name.encode() + INFO_LENGTHS
    cipher = AESGCM(key.secret)
    for wrapped in data_keys:
        named = wrapped.provider == provider and wrapped.info[:-IV_BYTES] == info
        # A namesake with another length is none that this key made: lengths are exact.
        if not named or len(wrapped.ciphertext) != KEY_BYTES + TAG_BYTES:
            continue
        try:
            return cipher.decrypt(wrapped.info[-IV_BYTES:], wrapped.ciphertext, context)
        except InvalidTag:
            continue
    raise Tampered("No data key of the object opens under this key and context.")


def derive(data_key: bytes, message_id: bytes) -> tuple[AESGCM, bytes]:
    """Return the cipher of the message and its commitment, 32 bytes.

    The suite id is part of the info of the key, and not of that of the commitment.
    """
    extracted = HKDF.extract(SHA512(), message_id, data_key)
    message_key = HKDFExpand(SHA512(), KEY_BYTES, SUITE + b"DERIVEKEY").derive(extracted)
    commitment = HKDFExpand(SHA512(), COMMITMENT_BYTES, b"COMMITKEY").derive(extracted)
    return AESGCM(message_key), commitment


def header_tag(cipher: AESGCM, body: bytes) -> bytes:
    """Return the tag over the header's body, 16 bytes."""
    return cipher.encrypt(HEADER_IV, b"", body)


def authenticate_header(key: NamedKey, header: Header) -> AESGCM:
    """Return the cipher of the message, once data key, commitment and header tag were found right.

    Raises Tampered if any of them is not.
    """
    data_key = unwrap_data_key(key, header.data_keys, contexts.serialise(header.context))
    cipher, commitment = derive(data_key, header.message_id)
    if not hmac.compare_digest(commitment, header.commitment):
        raise Tampered("The object is committed to another data key.")
    try:
        cipher.decrypt(HEADER_IV, header.tag, header.body())
    except InvalidTag:
        raise Tampered("The header of the object was changed.") from None
    return cipher
