"""Proof files are those of c2sp.org/tlog-proof@v1, and prove one leaf at one place offline."""

import os
from base64 import b64encode
from importlib import resources
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tlog.grown import Grown, numbered
from vault.errors import Tampered
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.note import Signer, parse_verifier
from vault.tlog.proof_file import (
    MAX_EXTRA_BYTES,
    MAX_FILE_BYTES,
    ProofFile,
    parse_proof_file,
    verify_proof_file,
)
from vault.tlog.proofs import inclusion_proof

pytestmark = pytest.mark.faults

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
KNOWN = [SIGNER.verifier]
LEAVES = numbered(21)
GROWN = Grown(LEAVES)
CHECKPOINT = Checkpoint(origin=SIGNER.name, size=21, root=GROWN.frontier.root())
NOTE = sign_checkpoint(CHECKPOINT, SIGNER)


def proof_of(index, /, **changes):
    """Return the proof file of a leaf, with one thing or another changed."""
    right = {"index": index, "hashes": inclusion_proof(GROWN.node, index, 21), "checkpoint": NOTE}
    return ProofFile(**right | changes)


FILE = proof_of(5).write()
WITH_EXTRA = proof_of(5, extra=b"said beside").write()


def test_a_file_is_written_line_by_line():
    """Version, index, hashes from the leaf up, an empty line, and the note as it was published."""
    hashes = [b64encode(item).decode() for item in inclusion_proof(GROWN.node, 5, 21)]
    assert len(hashes) == 5
    lines = ["c2sp.org/tlog-proof@v1", "index 5", *hashes, "", NOTE.decode()]
    assert "\n".join(lines).encode() == FILE


def test_extra_data_stands_on_the_second_line():
    """It is base64 after the word extra, and comes back."""
    assert FILE.replace(b"@v1\n", b"@v1\nextra c2FpZCBiZXNpZGU=\n") == WITH_EXTRA
    assert parse_proof_file(WITH_EXTRA) == proof_of(5, extra=b"said beside")
    assert verify_proof_file(WITH_EXTRA, LEAVES[5], KNOWN) == (5, CHECKPOINT)


def test_the_only_leaf_has_a_file_without_hashes():
    """A tree of one leaf is proven by its checkpoint."""
    root = Grown(LEAVES[:1]).frontier.root()
    note = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=1, root=root), SIGNER)
    data = ProofFile(index=0, hashes=(), checkpoint=note).write()
    assert data == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note
    assert verify_proof_file(data, LEAVES[0], KNOWN)[0] == 0


def test_the_example_of_the_format_page_verifies():
    """Key, leaf and file stand on the page as they would be sent."""
    page = resources.files("vault.tlog").joinpath("FORMAT.md").read_text("utf-8")
    example = page.partition("## 9.")[2].partition("\n## ")[0]
    key, _, data = example.partition("The proof file of")
    known = [parse_verifier(next(line for line in key.splitlines() if line.startswith("    ")).strip())]
    data = dedent(data.partition("\n\n")[2]).rstrip("\n").encode() + b"\n"
    index, checkpoint = verify_proof_file(data, bytes.fromhex("40414243"), known)
    assert (index, checkpoint.size) == (5, 7)


def test_every_leaf_is_proven_and_no_other_in_its_place():
    """A file verifies for the exact bytes of its own leaf alone."""
    for index, leaf in enumerate(LEAVES):
        data = proof_of(index).write()
        assert parse_proof_file(data).write() == data
        assert verify_proof_file(data, leaf, KNOWN) == (index, CHECKPOINT)
        for other in [*LEAVES[:index], *LEAVES[index + 1 :], leaf + b"\x00"]:
            with pytest.raises(Tampered, match="from the leaf to the root"):
                verify_proof_file(data, other, KNOWN)


def test_a_stranger_proves_nothing():
    """A checkpoint of an unknown key refuses the file, whatever its hashes say."""
    stranger = Signer(name=SIGNER.name, secret=bytes(32))
    with pytest.raises(Tampered, match="no signature of a known key"):
        verify_proof_file(FILE, LEAVES[5], [stranger.verifier])
    with pytest.raises(Tampered, match="no signature of a known key"):
        verify_proof_file(FILE, LEAVES[5], [])


def test_every_flipped_bit_is_refused():
    """No file one bit away from the right one verifies."""
    for i in range(len(FILE) * 8):
        flipped = bytearray(FILE)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(Tampered):
            verify_proof_file(bytes(flipped), LEAVES[5], KNOWN)


def test_every_cut_and_every_missing_or_swapped_line_is_refused():
    """No prefix verifies, nor any file with a line left out, said twice, or in its neighbour's place."""
    lines = FILE.splitlines(keepends=True)
    spoiled = [FILE[:length] for length in range(len(FILE))]
    for i, line in enumerate(lines):
        spoiled.append(b"".join(lines[:i] + lines[i + 1 :]))
        if line != lines[-1]:
            # A signature may be said twice: it is verified twice.
            spoiled.append(b"".join([*lines[:i], line, *lines[i:]]))
            spoiled.append(b"".join([*lines[:i], lines[i + 1], line, *lines[i + 2 :]]))
    for data in spoiled:
        with pytest.raises(Tampered):
            verify_proof_file(data, LEAVES[5], KNOWN)


MALFORMED = {
    "another-version": FILE.replace(b"@v1", b"@v2"),
    "leading-space": b" " + FILE,
    "byte-order-mark": b"\xef\xbb\xbf" + FILE,
    "carriage-returns": FILE.replace(b"\n", b"\r\n"),
    "leading-zero": FILE.replace(b"index 5", b"index 05"),
    "sign": FILE.replace(b"index 5", b"index +5"),
    "two-spaces": FILE.replace(b"index 5", b"index  5"),
    "space-after": FILE.replace(b"index 5", b"index 5 "),
    "no-number": FILE.replace(b"index 5", b"index "),
    "capital": FILE.replace(b"index", b"Index"),
    "beyond-every-tree": FILE.replace(b"index 5", b"index 9223372036854775807"),
    "beyond-the-tree": FILE.replace(b"index 5", b"index 21"),
    "empty-extra": FILE.replace(b"@v1\n", b"@v1\nextra \n"),
    "bare-extra": FILE.replace(b"@v1\n", b"@v1\nextra\n"),
    "unpadded-extra": WITH_EXTRA.replace(b"ZGU=", b"ZGU"),
    "stray-bits-in-extra": WITH_EXTRA.replace(b"ZGU=", b"ZGV="),
    "two-extras": WITH_EXTRA.replace(b"index", b"extra QQ==\nindex"),
    "extra-after-index": FILE.replace(b"index 5\n", b"index 5\nextra QQ==\n"),
    "short-hash": FILE.replace(b"index 5\n", b"index 5\n" + b64encode(bytes(31)) + b"\n"),
    "long-hash": FILE.replace(b"index 5\n", b"index 5\n" + b64encode(bytes(33)) + b"\n"),
    "too-many-hashes": FILE.replace(b"index 5\n", b"index 5\n" + (b64encode(bytes(32)) + b"\n") * 60),
    "blank-line-before-the-hashes": FILE.replace(b"index 5\n", b"index 5\n\n"),
    "nothing-after-the-blank-line": FILE.partition(b"\n\n")[0] + b"\n\n",
    "large-extra": FILE.replace(b"@v1\n", b"@v1\nextra " + b64encode(bytes(MAX_EXTRA_BYTES + 1)) + b"\n"),
    "large-file": FILE + b"x" * MAX_FILE_BYTES + b"\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_another_spelling_is_refused(data):
    """A file has one form."""
    with pytest.raises(Tampered):
        verify_proof_file(data, LEAVES[5], KNOWN)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200), st.integers(0, len(FILE)), st.integers(0, len(FILE)))
def test_arbitrary_bytes_anywhere_are_refused(data, start, end):
    """Whatever stands in place of a part of a file, the answer is Tampered, unless it says the same."""
    spoiled = FILE[: min(start, end)] + data + FILE[max(start, end) :]
    if spoiled != FILE:
        with pytest.raises(Tampered):
            verify_proof_file(spoiled, LEAVES[5], KNOWN)
    with pytest.raises(Tampered):
        parse_proof_file(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": -1},
        {"index": 2**63 - 1},
        {"hashes": (bytes(31),)},
        {"hashes": (bytes(32),) * 64},
        {"extra": bytes(MAX_EXTRA_BYTES + 1)},
    ],
)
def test_a_file_that_would_not_be_read_is_never_made(wrong):
    """The writer keeps to the limits of the reader."""
    with pytest.raises(ValueError, match="proof file"):
        proof_of(5, **wrong)
