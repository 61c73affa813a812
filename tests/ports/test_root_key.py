"""The root key's port, on the fake, a local file, moto's KMS and OpenBao, each opened as the vault opens it."""

import asyncio
import base64

import pytest

from tests.ports.conftest import MOTO_KEY_ID, RootKeys
from vault.errors import Tampered, Unavailable

CONTEXT = {"account_id": "acc_1", "key_version": "1", "purpose": "account-key"}


@pytest.mark.parametrize("size", [1, 32, 1024])
async def test_what_was_wrapped_comes_back(root_keys: RootKeys, size: int) -> None:
    """A secret of up to 1 KiB opens under the same context, and is not to be seen in its wrapping."""
    root, secret = root_keys.make(), bytes(place % 251 for place in range(100, 100 + size))
    wrapped = await root.wrap(secret, CONTEXT)
    assert await root.unwrap(wrapped, dict(reversed(CONTEXT.items()))) == secret
    assert size == 1 or secret not in wrapped
    assert await root.wrap(secret, CONTEXT) != wrapped


@pytest.mark.parametrize(
    "context",
    [
        {},
        CONTEXT | {"account_id": "acc_2"},
        CONTEXT | {"more": "1"},
        {"account_id": "acc_1", "key_version": "1"},
    ],
)
async def test_another_context_does_not_open(root_keys: RootKeys, context: dict[str, str]) -> None:
    """A wrapped key that is moved to another account, version or purpose is Tampered."""
    root = root_keys.make()
    wrapped = await root.wrap(b"s" * 32, CONTEXT)
    with pytest.raises(Tampered):
        await root.unwrap(wrapped, context)


async def test_a_flipped_bit_does_not_open(root_keys: RootKeys) -> None:
    """One bit changed in any part of a wrapped key, or an end cut off, is Tampered."""
    root = root_keys.make()
    wrapped = await root.wrap(b"s" * 32, CONTEXT)
    first = MOTO_KEY_ID if root_keys.name == "moto" else 0
    places = range(first, len(wrapped), max(1, len(wrapped) // 16))
    for place in places:
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            await root.unwrap(bytes(changed), CONTEXT)
    for cut in (wrapped[:-1], wrapped[:10], b"x"):
        with pytest.raises(Tampered):
            await root.unwrap(cut, CONTEXT)


async def test_another_root_key_does_not_open(root_keys: RootKeys) -> None:
    """What one root key wrapped is Tampered for every other."""
    wrapped = await root_keys.make().wrap(b"s" * 32, CONTEXT)
    # moto answers AccessDenied here, where KMS says IncorrectKey (tests/keyservice/test_aws_kms.py).
    with pytest.raises(Unavailable if root_keys.name == "moto" else Tampered):
        await root_keys.make().unwrap(wrapped, CONTEXT)


@pytest.mark.parametrize(
    "foreign",
    [
        b"\x01" + bytes(range(60)),
        b"vault:v1:" + base64.b64encode(bytes(60)),
        b"\x01\x02\x02\x00x" + bytes(range(147)),
    ],
    ids=["a file's", "transit's", "KMS's"],
)
async def test_what_another_kind_of_key_wrapped_is_tampered(root_keys: RootKeys, foreign: bytes) -> None:
    """Each kind tells what was wrapped elsewhere from an outage, so that a vault can move between kinds."""
    # moto answers AccessDenied to some of them, where KMS says InvalidCiphertext.
    with pytest.raises((Tampered, Unavailable) if root_keys.name == "moto" else Tampered):
        await root_keys.make().unwrap(foreign, CONTEXT)


async def test_keys_wrapped_at_once_do_not_mix(root_keys: RootKeys) -> None:
    """Many at the same time each get their own secret back."""
    root = root_keys.make()
    contexts = [CONTEXT | {"account_id": f"acc_{n}"} for n in range(24)]
    secrets = [bytes([n]) * 32 for n in range(24)]
    wrapped = await asyncio.gather(*map(root.wrap, secrets, contexts))
    assert len(set(wrapped)) == 24
    assert await asyncio.gather(*map(root.unwrap, wrapped, contexts)) == secrets
