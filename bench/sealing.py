"""Part 3: sealing and opening in memory, beside the official AWS Encryption SDK for Python."""

import io
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient  # type: ignore[import-untyped]
from aws_encryption_sdk.identifiers import Algorithm, EncryptionKeyType, WrappingAlgorithm  # type: ignore[import-untyped]
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey  # type: ignore[import-untyped]
from aws_encryption_sdk.key_providers.raw import RawMasterKey  # type: ignore[import-untyped]

from bench.figures import Aim, Sample, print_ratio, print_raw, print_title, take_turns
from bench.sizes import Sizes
from vault.cli.main import _keep_large_blocks
from vault.sealing.header import FRAME_LENGTH, parse_header
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer

_SDK_FRAME = 4096
_BLOCK = 1024 * 1024
_CONTEXT = {"account_id": "acct_bench", "recording_id": "rec_bench", "purpose": "audio"}
_CLIENT = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
_SDK = "aws-encryption-sdk, suite 0x0478, raw AES master key, stream read frame by frame (its fastest way), "
_VAULT = "the vault's own {}, 1 MiB at a time, 64 KiB frames"
_OURS, _AT_OURS, _AT_ITS = "vault", "SDK at 64 KiB", "SDK at 4 KiB"


def sealing(sizes: Sizes, folder: Path) -> None:  # noqa: ARG001 - every part is called alike
    """Measure both directions on the same bytes. The SDK opens what the vault sealed."""
    _keep_large_blocks()
    plaintext, key = secrets.token_bytes(sizes.sealing), recording_key("rec_bench", secrets.token_bytes(32))
    ours = seal(key, _CONTEXT, plaintext)
    small = seal(key, _CONTEXT, plaintext, frame_length=_SDK_FRAME)
    opening = {
        _OURS: lambda: _open(key, ours, sizes.sealing),
        _AT_OURS: lambda: _sdk_open(key, ours, FRAME_LENGTH),
        _AT_ITS: lambda: _sdk_open(key, small, _SDK_FRAME),
    }
    closing = {
        _OURS: lambda: _seal(key, plaintext),
        _AT_OURS: lambda: _sdk_seal(key, plaintext, FRAME_LENGTH),
        _AT_ITS: lambda: _sdk_seal(key, plaintext, _SDK_FRAME),
    }
    aims = {_AT_ITS: Aim(bound=15), _AT_OURS: Aim(bound=3)}
    _compare("Opening", opening, "Opener", sizes, aims)
    _compare("Sealing", closing, "Sealer", sizes, {})


def _compare(
    title: str, works: Mapping[str, Callable[[], int]], kind: str, sizes: Sizes, aims: Mapping[str, Aim]
) -> None:
    rounds = 2 * sizes.rounds  # They are short, and nothing else evens out what the machine does meanwhile.
    print_title(f"3. {title} {sizes.sealing / 1e6:.3g} MB in memory, {rounds} rounds")
    series = take_turns({name: _timed(work, sizes.sealing) for name, work in works.items()}, rounds=rounds)
    print_raw(series, "MB/s", _words(kind))
    for other in (_AT_ITS, _AT_OURS):
        print_ratio(series, _OURS, other, aims.get(other))


def _timed(work: Callable[[], int], size: int) -> Callable[[], Sample]:
    def measure() -> Sample:
        begun = time.perf_counter()
        done = work()
        took = time.perf_counter() - begun
        if done < size:
            raise RuntimeError(f"{done} bytes came of {size}.")
        return Sample(value=size / took / 1e6, more={})

    return measure


def _words(kind: str) -> dict[str, str]:
    return {
        _OURS: _VAULT.format(kind),
        _AT_OURS: _SDK + "at the vault's frame length",
        _AT_ITS: _SDK + "at its own default frame length",
    }


def _open(key: NamedKey, message: bytes, length: int) -> int:
    """Open as playback does: the header once, then range by range."""
    header = parse_header(message)
    opener = Opener(key, header, plaintext_length=length, context=_CONTEXT, object_size=len(message))
    stored, opened = memoryview(message), 0
    for start in range(0, length, _BLOCK):
        end = min(length, start + _BLOCK)
        first, last = opener.span(start, end)
        opened += len(opener.open(start, end, stored[first:last]))
    return opened


def _seal(key: NamedKey, plaintext: bytes) -> int:
    """Seal as an upload does: block by block."""
    sealer, view, sealed = Sealer(key, _CONTEXT), memoryview(plaintext), 0
    for start in range(0, len(plaintext), _BLOCK):
        sealed += len(sealer.update(view[start : start + _BLOCK]))
    return sealed + len(sealer.finish())


def _sdk_open(key: NamedKey, message: bytes, frame: int) -> int:
    return _drain(
        _CLIENT.stream(mode="decrypt", source=io.BytesIO(message), key_provider=_master(key)), frame
    )


def _sdk_seal(key: NamedKey, plaintext: bytes, frame: int) -> int:
    stream = _CLIENT.stream(
        mode="encrypt",
        source=io.BytesIO(plaintext),
        key_provider=_master(key),
        encryption_context=_CONTEXT,
        algorithm=Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
        frame_length=frame,
    )
    return _drain(stream, frame)


def _drain(stream: Any, frame: int) -> int:
    total = 0
    with stream:
        while block := stream.read(frame):
            total += len(block)
    return total


def _master(key: NamedKey) -> RawMasterKey:
    return RawMasterKey(
        provider_id=key.namespace,
        key_id=key.name,
        wrapping_key=WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=key.secret,
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        ),
    )
