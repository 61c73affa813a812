"""Opening a sealed object with the official AWS Encryption SDK, from what ``callvault export-key`` prints."""

from typing import Any

import aws_encryption_sdk
from aws_encryption_sdk.identifiers import CommitmentPolicy, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey


def open_object(exported: dict[str, Any], ciphertext: bytes) -> tuple[bytes, dict[str, str]]:
    """Return plaintext and encryption context."""
    provider = RawMasterKey(
        provider_id=exported["key_namespace"],
        key_id=exported["key_name"],
        wrapping_key=WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=bytes.fromhex(exported["key_hex"]),
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        ),
    )
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    )
    plaintext, header = client.decrypt(source=ciphertext, key_provider=provider)
    return plaintext, dict(header.encryption_context)
