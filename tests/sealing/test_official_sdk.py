"""The official AWS Encryption SDK opens what the vault seals, and the vault opens what it seals."""

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import (
    AlgorithmSuite,
    CommitmentPolicy,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey
from cryptography.exceptions import InvalidTag

from vault.errors import Tampered
from vault.sealing.header import MAX_HEADER_BYTES, parse_header
from vault.sealing.keys import recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KEY = recording_key("rec_7", bytes(range(32)))
OTHER_KEY = recording_key("rec_7", bytes(32))
CONTEXT = {"account_id": "acc_1", "recording_id": "rec_7", "purpose": "audio", "evidence": "0" * 64}
CONTEXTS = [CONTEXT, {}, {"straße": "日本", "z": "", "\U0001f600": "é", "\uffff": "x"}]
LARGE = 64 * 1024
CLIENT = aws_encryption_sdk.EncryptionSDKClient(
    commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
)


def lengths(frame):
    """Return the lengths at which frames begin and end."""
    return [0, 1, frame - 1, frame, frame + 1, 2 * frame, 5 * frame + 7]


def plaintext_of(length):
    """Return bytes that differ from frame to frame."""
    return b"".join(i.to_bytes(4, "big") for i in range(length // 4 + 1))[:length]


def keyring(key=KEY):
    """Return the raw AES keyring of the material providers library."""
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    return providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace=key.namespace,
            key_name=key.name,
            wrapping_key=key.secret,
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )


def master_key(key=KEY):
    """Return the raw master key of the SDK itself."""
    return RawMasterKey(
        provider_id=key.namespace,
        key_id=key.name,
        wrapping_key=WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=key.secret,
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        ),
    )


def materials(api, key=KEY):
    """Return the SDK's argument for one of its two ways to name a key."""
    return {"keyring": keyring(key)} if api == "keyring" else {"key_provider": master_key(key)}


def sdk_seal(plaintext, *, api, context, frame, suite=AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY):
    """Let the official SDK seal."""
    message, _ = CLIENT.encrypt(
        source=plaintext,
        encryption_context=context,
        algorithm=suite,
        frame_length=frame,
        **materials(api),
    )
    return message


@pytest.mark.parametrize("api", ["keyring", "master key"])
@pytest.mark.parametrize("frame", [7, 128, LARGE])
def test_the_sdk_opens_ours(api, frame):
    """The SDK returns plaintext and context of our messages, at every boundary."""
    for index, length in enumerate(lengths(frame)):
        plaintext, context = plaintext_of(length), CONTEXTS[index % len(CONTEXTS)]
        message = seal(KEY, context, plaintext, frame_length=frame)
        opened, header = CLIENT.decrypt(source=message, **materials(api))
        assert (opened, header.encryption_context) == (plaintext, context)


@pytest.mark.parametrize("api", ["keyring", "master key"])
@pytest.mark.parametrize("frame", [128, LARGE])
def test_we_open_those_of_the_sdk(api, frame):
    """The vault opens the SDK's messages at every boundary, whole and by ranges."""
    for index, length in enumerate(lengths(frame)):
        plaintext, context = plaintext_of(length), CONTEXTS[index % len(CONTEXTS)]
        message = sdk_seal(plaintext, api=api, context=context, frame=frame)
        assert open_message(KEY, message, context=context) == plaintext
        opener = Opener(
            KEY,
            message[:MAX_HEADER_BYTES],
            plaintext_length=length,
            context=context,
            message_id=parse_header(message).message_id,
            object_size=len(message),
        )
        for start, end in [
            (0, 1),
            (length // 2, length // 2 + 1),
            (length // 3, length),
            (length - 1, length),
        ]:
            if 0 <= start < end <= length:
                first, last = opener.span(start, end)
                assert opener.open(start, end, message[first:last]) == plaintext[start:end]


def test_the_header_of_the_sdk_is_read_to_the_last_byte():
    """Writing a parsed header of the SDK gives the bytes that were parsed."""
    message = sdk_seal(b"hello", api="keyring", context=CONTEXTS[2], frame=128)
    written = parse_header(message).write()
    assert message.startswith(written)
    assert len(message) == len(written) + 40 + len(b"hello")


@pytest.mark.parametrize("frame", [128, LARGE])
def test_the_sdk_ends_whole_frames_with_an_empty_one(frame):
    """The other spelling of the final frame, which the vault reads and does not write, is real."""
    message = sdk_seal(bytes(2 * frame), api="keyring", context={}, frame=frame)
    ours = seal(KEY, {}, bytes(2 * frame), frame_length=frame)
    assert len(message) - len(ours) == 32


@pytest.mark.parametrize("api", ["keyring", "master key"])
def test_another_key_opens_in_neither_direction(api):
    """A key of the same name with another secret opens neither our messages nor the SDK's."""
    with pytest.raises((AWSEncryptionSDKClientError, InvalidTag)):
        CLIENT.decrypt(source=seal(KEY, CONTEXT, b"x"), **materials(api, OTHER_KEY))
    message = sdk_seal(b"x", api=api, context=CONTEXT, frame=128)
    with pytest.raises(Tampered):
        open_message(OTHER_KEY, message, context=CONTEXT)


def test_a_signed_message_of_the_sdk_is_refused():
    """The SDK's default suite signs at the end, which no range can verify: it is not read."""
    message = sdk_seal(
        b"x",
        api="keyring",
        context=CONTEXT,
        frame=128,
        suite=AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
    )
    with pytest.raises(Tampered, match="suite"):
        parse_header(message)


def test_the_sdk_refuses_our_message_when_a_byte_is_flipped():
    """The SDK checks in our messages what it checks in its own."""
    message = bytearray(seal(KEY, CONTEXT, b"hello"))
    message[-1] ^= 1
    with pytest.raises(InvalidTag):
        CLIENT.decrypt(source=bytes(message), keyring=keyring())
