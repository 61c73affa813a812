"""The data key of one message: its wrapping by a named key, and the keys derived from it.

The wrapped format is that of the SDK's raw AES keyring with a tag of 128 bits and an IV of 12 bytes, so the official
SDK opens the vault's messages with only the key and its name. The data key itself encrypts nothing: HKDF-SHA512
(RFC 5869) derives from it and the message id the message key and the commitment in the header. The commitment is
compared before the message key is used, because with AES-GCM alone one ciphertext can be valid under two keys.
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
#: The IV of the header tag. Frames have sequence numbers from 1, so none has this IV.
HEADER_IV = bytes(IV_BYTES)
#: Tag length in bits and IV length in bytes, as the raw AES keyring writes them after a key's name.
INFO_LENGTHS = (8 * TAG_BYTES).to_bytes(4, "big") + IV_BYTES.to_bytes(4, "big")


def wrap_data_key(key: NamedKey, data_key: bytes, context: bytes) -> EncryptedDataKey:
    """Wrap ``data_key`` under ``key``, bound to the serialised context, with a random IV.

    Raises ValueError for a namespace that the SDK reserves for AWS KMS.
    """
    if key.namespace.startswith("aws-kms"):
        raise ValueError("Namespaces that begin with aws-kms are reserved for AWS KMS.")
    iv = secrets.token_bytes(IV_BYTES)
    return EncryptedDataKey(
        provider=key.namespace.encode(),
        info=key.name.encode() + INFO_LENGTHS + iv,
        ciphertext=AESGCM(key.secret).encrypt(iv, data_key, context),
    )


def unwrap_data_key(key: NamedKey, data_keys: tuple[EncryptedDataKey, ...], context: bytes) -> bytes:
    """Return the data key from the first entry that ``key`` decrypts. Raises Tampered if there is none."""
    provider, info = key.namespace.encode(), key.name.encode() + INFO_LENGTHS
    cipher = AESGCM(key.secret)
    for wrapped in data_keys:
        named = wrapped.provider == provider and wrapped.info[:-IV_BYTES] == info
        # An entry with this name but another length was not written by this key: lengths are exact.
        if not named or len(wrapped.ciphertext) != KEY_BYTES + TAG_BYTES:
            continue
        try:
            return cipher.decrypt(wrapped.info[-IV_BYTES:], wrapped.ciphertext, context)
        except InvalidTag:
            continue
    raise Tampered("No data key of the object can be decrypted under this key and context.")


def derive(data_key: bytes, message_id: bytes) -> tuple[AESGCM, bytes]:
    """Derive the cipher of the message and its commitment, 32 bytes.

    The HKDF info of the key includes the suite id, that of the commitment does not.
    """
    extracted = HKDF.extract(SHA512(), message_id, data_key)
    message_key = HKDFExpand(SHA512(), KEY_BYTES, SUITE + b"DERIVEKEY").derive(extracted)
    commitment = HKDFExpand(SHA512(), COMMITMENT_BYTES, b"COMMITKEY").derive(extracted)
    return AESGCM(message_key), commitment


def header_tag(cipher: AESGCM, body: bytes) -> bytes:
    """Compute the tag over the header's body, 16 bytes."""
    return cipher.encrypt(HEADER_IV, b"", body)


def authenticate_header(key: NamedKey, header: Header) -> AESGCM:
    """Verify data key, commitment and header tag; return the cipher of the message.

    Raises Tampered if one of them is wrong.
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
