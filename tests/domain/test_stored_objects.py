"""What lies in the object store is read strictly: what was written comes back, anything else is Tampered."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.stored_objects import (
    ACCOUNT,
    AT,
    ENVELOPE,
    GONE,
    KEYS,
    KNOWN,
    MANIFEST,
    RECORDING,
    TOMBSTONES,
    VAULT,
)
from vault.domain.recordings.recording import State
from vault.domain.stored.account_envelope import decode_envelope, encode_envelope
from vault.domain.stored.account_object import decode_account, encode_account
from vault.domain.stored.account_object_name import LogState
from vault.domain.stored.manifest import Manifest, decode_manifest
from vault.domain.stored.tombstone import decode_tombstones, encode_tombstones
from vault.domain.stored.vault_object import decode_vault, encode_vault
from vault.errors import Tampered

READERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "manifest": (MANIFEST, decode_manifest),
    "tombstones": (TOMBSTONES, decode_tombstones),
    "envelope": (encode_envelope(ENVELOPE), decode_envelope),
    "account": (encode_account(KNOWN), lambda data: decode_account(data, ENVELOPE)),
    "vault": (encode_vault(VAULT), decode_vault),
}


def test_what_was_written_comes_back():
    """Every field, to the last bit; of a tombstone all but what pointed to the audio."""
    chain = (("cd" * 32, b"one"), ("ef" * 32, b"two"))
    assert decode_manifest(MANIFEST) == Manifest(recording=RECORDING, keys=KEYS, chain=chain)
    erased = replace(GONE, state=State.ERASED, erased_at=AT, reasons=())
    assert decode_tombstones(TOMBSTONES) == [GONE, erased]
    assert decode_envelope(encode_envelope(ENVELOPE)) == ENVELOPE
    assert decode_account(encode_account(KNOWN), ENVELOPE) == KNOWN
    assert decode_vault(encode_vault(VAULT)) == VAULT


def test_a_tombstone_points_to_no_audio():
    """An erased row still names where its audio lay; its tombstone does not."""
    [one] = decode_tombstones(encode_tombstones(ACCOUNT, [replace(RECORDING, state=State.ERASED)]))
    assert (one.audio, one.rendition) == (None, None)


def test_keys_of_an_account_are_those_that_were_sealed():
    """Anyone who adds or takes a version in clear changes nothing."""
    forged = replace(ENVELOPE, keys={1: b"forged"})
    assert decode_account(encode_account(KNOWN), forged).keys == KNOWN.keys


@pytest.mark.parametrize("name", list(READERS))
def test_each_field_is_needed_and_none_more(name: str):
    """Without one of its fields, with one more, with a null, a list or a number in its place: Tampered."""
    written, read = READERS[name]
    said = json.loads(written)
    optional = {"connection_id", "call_started_at", "call_ended_at", "available_at", "erased_at", "rendition",
                "waveform", "details"}  # fmt: skip
    for field in said:
        for value in (None, [[]], 1.5, {"x": 1}, "\ud800", True, 2**70):
            if value is None and field in optional:
                continue
            if value is True and field == "restricted":
                continue
            with pytest.raises(Tampered):
                read(json.dumps(said | {field: value}).encode())
        with pytest.raises(Tampered):
            read(json.dumps({key: one for key, one in said.items() if key != field}).encode())
        twice = json.dumps(said)[:-1] + f', "{field}": {json.dumps(said[field])}}}'
        with pytest.raises(Tampered):
            read(twice.encode())
    with pytest.raises(Tampered):
        read(json.dumps(said | {"more": 1}).encode())
    with pytest.raises(Tampered):
        read(json.dumps(said | {"v": 2}).encode())


@pytest.mark.parametrize("name", list(READERS))
@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"[]", b"{", b"\xff", b'{"v":NaN}', b'{"v":1e999}', b"[" * 100_000, b'"' + b"9" * 5000],
)
def test_what_is_no_object_is_tampered(name: str, text: bytes):
    """Nothing but Tampered comes out, whatever the bytes are."""
    with pytest.raises(Tampered):
        READERS[name][1](text)


@pytest.mark.parametrize("name", list(READERS))
def test_changed_bytes_are_tampered_or_read_whole(name: str):
    """Bits flipped, pieces cut and doubled: Tampered, or an object that can be written again; nothing else."""
    written, read = READERS[name]
    chance = random.Random(name)  # noqa: S311 - the same damage in every run
    for _ in range(600):
        data = bytearray(written)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del data[at : at + chance.randint(1, 30)]
            elif kind == 2:
                data[at:at] = data[at : at + chance.randint(1, 30)]
            else:
                data[at : at + 1] = chance.choice([b"null", b"-1", b'"', b"{}", b"[", b"9" * 30, b"\\u0000"])
        try:
            assert read(bytes(data)) is not None
        except Tampered:
            continue


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "rec_../x"}, {"id": "rec_"}, {"id": "acct_1"}, {"account_id": "a/b"}, {"state": "erased"},
        {"state": "unknown"}, {"audio": None}, {"voices": ["nobody"]}, {"received_at": "2026-11-02T12:00:00"},
        {"received_at": "0001-01-01T00:00:00+14:00"}, {"key_version": 0}, {"epoch": -1}, {"epoch": True},
        {"wrapped_key": "not base64"},
    ],
)  # fmt: skip
def test_a_manifest_of_no_available_recording_is_tampered(changed: dict[str, Any]):
    """Ids that would leave their folder, moments without an offset, numbers that no column has."""
    with pytest.raises(Tampered):
        decode_manifest(json.dumps(json.loads(MANIFEST) | changed).encode())


@pytest.mark.parametrize(
    "keys", [{"0": "AA=="}, {"01": "AA=="}, {"x": "AA=="}, {"9" * 12: "AA=="}, {"1": "?"}]
)
def test_versions_of_a_key_are_numbers(keys: dict[str, str]):
    """From 1 on, written in one way."""
    with pytest.raises(Tampered):
        decode_envelope(json.dumps(json.loads(encode_envelope(ENVELOPE)) | {"keys": keys}).encode())


def test_an_envelope_says_the_log_that_it_was_written_behind():
    """It is the name of the object, whole; what earlier releases wrote has none."""
    log = LogState(size=7, root=b"r" * 32)
    assert decode_envelope(encode_envelope(replace(ENVELOPE, log=log))) == replace(ENVELOPE, log=log)
    assert "log" not in json.loads(encode_envelope(ENVELOPE))
    for wrong in ({"size": 7}, {"size": -1, "root": "AA=="}, {"size": 7, "root": "AA=="}, None, 7):
        with pytest.raises(Tampered):
            decode_envelope(json.dumps(json.loads(encode_envelope(ENVELOPE)) | {"log": wrong}).encode())
