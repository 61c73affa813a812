"""What lies in the object store is read strictly: what was written comes back, anything else is Tampered.

What a hold covers, as JSON: it is read fast, because each erasure reads all holds, and strictly nevertheless.

Names of account objects: read back, ordered, and sorted by the history that they are of.
"""

import json
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
    MANIFEST,
    RECORDING,
    TOMBSTONES,
    VAULT,
)
from tests.support.strict_objects import NO_OBJECTS, check_damage, check_fields
from vault.domain.recordings.recording import State
from vault.domain.retention.hold import RecordingSelection
from vault.domain.stored.account_envelope import decode_envelope, encode_envelope
from vault.domain.stored.account_object_name import (
    LogState,
    ObjectName,
    location_of,
    name_at,
    parse_location,
    sort_names,
)
from vault.domain.stored.manifest import Manifest, decode_manifest
from vault.domain.stored.retention_json import decode_covers, encode_covers
from vault.domain.stored.tombstone import decode_tombstones, encode_tombstones
from vault.domain.stored.vault_facts import decode_vault, encode_vault
from vault.errors import Tampered

READERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "manifest": (MANIFEST, decode_manifest),
    "tombstones": (TOMBSTONES, decode_tombstones),
    "envelope": (encode_envelope(ENVELOPE), decode_envelope),
    "vault": (encode_vault(VAULT), decode_vault),
}
COVERS = RecordingSelection(
    recordings=frozenset({"rec_1"}),
    calls=frozenset({"call-1", "Gespräch \N{PERFORMING ARTS}"}),
    terms=frozenset({b"a", b"\xff" * 32}),
)
OWNER = "acct_" + "a" * 32


def test_what_was_written_comes_back():
    """Every field, to the last bit; of a tombstone all but what pointed to the audio."""
    chain = (("cd" * 32, b"one"), ("ef" * 32, b"two"))
    assert decode_manifest(MANIFEST) == Manifest(recording=RECORDING, keys=KEYS, chain=chain)
    erased = replace(GONE, state=State.ERASED, erased_at=AT, reasons=())
    assert decode_tombstones(TOMBSTONES) == [GONE, erased]
    assert decode_envelope(encode_envelope(ENVELOPE)) == ENVELOPE
    assert decode_vault(encode_vault(VAULT)) == VAULT


def test_a_tombstone_points_to_no_audio():
    """An erased row still names where its audio lay; its tombstone does not."""
    [one] = decode_tombstones(encode_tombstones(ACCOUNT, [replace(RECORDING, state=State.ERASED)]))
    assert (one.audio, one.rendition) == (None, None)


@pytest.mark.parametrize("name", list(READERS))
def test_each_field_is_needed_and_none_more(name: str):
    """Without one of its fields, with one more, with a null, a list or a number in its place: Tampered."""
    nullable = {"connection_id", "call_started_at", "call_ended_at", "available_at", "erased_at", "rendition",
                "waveform", "details"}  # fmt: skip
    check_fields(*READERS[name], nullable=nullable)


@pytest.mark.parametrize("name", list(READERS))
@pytest.mark.parametrize("text", NO_OBJECTS)
def test_what_is_no_object_is_tampered(name: str, text: bytes):
    """Nothing but Tampered comes out, whatever the bytes are."""
    with pytest.raises(Tampered):
        READERS[name][1](text)


@pytest.mark.parametrize("name", list(READERS))
def test_changed_bytes_are_tampered_or_read_whole(name: str):
    """Bits flipped, pieces cut and doubled: Tampered, or an object that can be written again; nothing else."""
    check_damage(*READERS[name], seed=name)


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


def test_it_is_read_as_it_was_written():
    """Also with a name of a call that is not ASCII."""
    assert decode_covers(encode_covers(COVERS)) == COVERS


@pytest.mark.parametrize("term", ["é", "a", "YQ", "YQ==\n", "YQ==YQ==", "Y-==", "\ud800", 1, None], ids=ascii)
def test_a_term_of_another_form_is_tampered(term: Any):
    """Nothing is passed over: then the hold would cover less."""
    with pytest.raises(Tampered):
        decode_covers({**encode_covers(COVERS), "terms": ["YQ==", term]})


def test_a_call_that_utf_8_cannot_encode_is_tampered():
    """Half a surrogate pair, beside a name that is ASCII."""
    with pytest.raises(Tampered):
        decode_covers({**encode_covers(COVERS), "calls": ["call-1", "\ud800"]})


def root(letter: str) -> bytes:
    """Return a root that begins with this hexadecimal digit."""
    return bytes.fromhex(letter * 64)


def name(size: int, letter: str, revision: int) -> ObjectName:
    """Return the name of an object that was written behind a log of this size and root."""
    return name_at(OWNER, revision, LogState(size=size, root=root(letter)))


def test_a_name_comes_back_as_what_it_was_made_of():
    """Keys of one history are in the order of log and revision; other keys are none."""
    for one in (name(0, "a", 1), name(10**18, "b", 10**15), ObjectName(account_id=OWNER, revision=12)):
        assert parse_location(location_of(one)) == one
    assert location_of(name(12, "a", 5)) == f"accounts/{OWNER}/{12:020}-{'a' * 16}-{5:012}.json"
    assert location_of(ObjectName(account_id=OWNER, revision=5)) == f"accounts/{OWNER}/{5:012}.json"
    assert location_of(name(9, "f", 9)) < location_of(name(10, "a", 9)) < location_of(name(10, "a", 10))


@pytest.mark.parametrize(
    "key",
    [
        "accounts/acct_x/000000000001.json", "accounts/acct_a/1.json", "xaccounts/acct_a/000000000001.json",
        f"accounts/acct_a/{1:020}-{'g' * 16}-{1:012}.json", f"accounts/acct_a/{1:020}-{'a' * 15}-{1:012}.json",
        f"accounts/acct_a/{1:019}-{'a' * 16}-{1:012}.json", f"accounts/acct_a/{'9' * 20}-{'a' * 16}-{1:012}.json",
        f"accounts/acct_a/{1:020}-{'a' * 16}-{1:012}.json\n", f"accounts/acct_a/{'9' * 19}.json",
    ],
)  # fmt: skip
def test_another_key_has_no_name(key):
    """Letters that are no digits, too few of them, numbers that no column holds."""
    assert parse_location(key) is None


def test_names_are_sorted_by_history_and_the_newest_comes_first():
    """A revision of a lost time beats nothing; one that the tree does not reach is neither own nor foreign."""
    old = [ObjectName(account_id=OWNER, revision=revision) for revision in (3, 99)]
    mine = [name(5, "a", 4), name(8, "b", 5), name(8, "b", 6)]
    lost = [name(5, "c", 40), name(8, "a", 7)]
    ahead = [name(9, "d", 3), name(12, "e", 2)]
    found = sort_names([*lost, *old, *mine, *ahead], {5: root("a"), 8: root("b")})
    assert list(found.own) == [*reversed(mine), *reversed(old)]
    assert list(found.ahead) == [*reversed(ahead)]
    assert list(found.foreign) == [*reversed(lost)]
