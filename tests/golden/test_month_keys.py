"""The second form of the manifest, opened from the root key to the audio without the vault's code.

Wrapped keys are opened with AES-GCM, as ``vault/sealing/FORMAT.md`` says; messages with the AWS Encryption SDK.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_encryption_sdk
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CORPUS = Path(__file__).parent / "v2"
KNOWN: dict[str, Any] = json.loads((CORPUS / "known.json").read_text())["recordings"]
HEARD = [ref for ref in KNOWN if ref != "erased"]


def lv(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def unwrap(name: str, secret: bytes, wrapped: bytes, context: Mapping[str, str]) -> bytes:
    """Open a wrapped key: section 6 of FORMAT.md."""
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    serialised = len(pairs).to_bytes(2, "big") + b"".join(lv(key) + lv(value) for key, value in pairs)
    assert wrapped[0] == 1
    aad = b"callvault/wrap/v1" + lv(b"callvault") + lv(name.encode()) + serialised
    return AESGCM(secret).decrypt(wrapped[1:13], wrapped[13:], aad)


def opened(name: str, secret: bytes, message: bytes) -> tuple[bytes, Mapping[str, str]]:
    """Open a message with the official SDK; return its plaintext and its context."""
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace="callvault",
            key_name=name,
            wrapping_key=secret,
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    text, header = aws_encryption_sdk.EncryptionSDKClient().decrypt(source=message, keyring=keyring)
    return text, header.encryption_context


def month_keys() -> tuple[str, dict[str, bytes]]:
    """Open the account's month keys, from the root key and the account's object; return the account's id too."""
    root = json.loads((CORPUS / "root.key").read_text())
    (stored,) = (CORPUS / "objects" / "accounts").rglob("*.json")
    envelope = json.loads(stored.read_bytes())
    account_id = envelope["account_id"]
    # The first version was destroyed.
    assert [*envelope["keys"]] == ["2"]
    context = {"account_id": account_id, "key_version": "2", "purpose": "account-key"}
    wrapped = base64.b64decode(envelope["keys"]["2"])
    key = unwrap(f"root/{root['key_id']}", base64.b64decode(root["key"]), wrapped, context)
    text, _ = opened(f"account/{account_id}/v2", key, base64.b64decode(envelope["sealed"]))
    found = {}
    for entry in json.loads(text)["month_keys"]:
        assert entry["key_version"] == 2
        context = {"account_id": account_id, "month_key": entry["id"], "purpose": "month-key"}
        wrapped = base64.b64decode(entry["wrapped"])
        found[entry["id"]] = unwrap(f"account/{account_id}/v2", key, wrapped, context)
    return account_id, found


def manifest_of(account_id: str, ref: str) -> dict[str, Any]:
    manifest = CORPUS / "objects" / "manifests" / account_id / f"{KNOWN[ref]['id']}.json"
    read: dict[str, Any] = json.loads(manifest.read_bytes())
    assert read["v"] == 2
    return read


@pytest.mark.parametrize("ref", HEARD)
def test_the_bucket_and_the_root_key_open_the_audio(ref: str) -> None:
    """Root key, account key, month key, recording key, audio; recordings of before and after the rotation."""
    account_id, months = month_keys()
    recording_id, manifest = KNOWN[ref]["id"], manifest_of(account_id, ref)
    month = manifest["month_key"]
    assert month.startswith(manifest["received_at"][:7])
    context = {"account_id": account_id, "recording_id": recording_id, "purpose": "recording-key"}
    wrapped = base64.b64decode(manifest["wrapped_key"])
    key = unwrap(f"month/{account_id}/{month}", months[month], wrapped, context)
    assert key.hex() == KNOWN[ref]["exported"]["key_hex"]
    message = (CORPUS / "objects" / manifest["audio"]["location"]).read_bytes()
    audio, bound = opened(f"recording/{recording_id}", key, message)
    assert hashlib.sha256(audio).hexdigest() == KNOWN[ref]["sha256"]
    assert (bound["account_id"], bound["recording_id"]) == (account_id, recording_id)


def test_another_month_key_opens_none() -> None:
    """Neither under its own name nor under that of the right one."""
    account_id, months = month_keys()
    manifest = manifest_of(account_id, "heard")
    context = {"account_id": account_id, "recording_id": manifest["id"], "purpose": "recording-key"}
    wrapped, right = base64.b64decode(manifest["wrapped_key"]), manifest["month_key"]
    assert len(months) == 4
    for month, secret in months.items():
        for name in {month, right} if month != right else ():
            with pytest.raises(InvalidTag):
                unwrap(f"month/{account_id}/{name}", secret, wrapped, context)
    with pytest.raises(InvalidTag):
        unwrap(f"month/acct_other/{right}", months[right], wrapped, context)


def test_the_key_after_the_rotation_is_another() -> None:
    """What came after the rotation is under a month key that the destroyed version never wrapped."""
    account_id, _ = month_keys()
    named = {ref: manifest_of(account_id, ref)["month_key"] for ref in HEARD}
    assert named["heard"] == named["restricted"] != named["rotated"]
