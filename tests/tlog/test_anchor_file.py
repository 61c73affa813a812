"""Anchor files are those of FORMAT.md, section 7.1, and hold the leaves that their checkpoint signs, or are refused."""

from base64 import b64encode

import pytest

from tests.support.rfc6962 import mth
from tests.tlog.grown import Grown, numbered
from vault.domain.audit_log.anchor import AnchorPlace, parse_location
from vault.errors import Tampered
from vault.tlog.anchor_file import MAX_BYTES, MAX_LEAVES, decode_anchor, encode_anchor
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import Signer
from vault.tlog.tiles import MAX_LEAF_BYTES, write_bundle
from vault.tlog.tree import read_frontier

pytestmark = pytest.mark.faults

SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
KNOWN = [SIGNER.verifier]
LEAVES = numbered(21)
GROWN = Grown(LEAVES)
NOTE = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=21, root=GROWN.frontier.root()), SIGNER)


def anchor_from(start: int) -> bytes:
    """Return the anchor of 21 leaves whose first ones lie in tiles."""
    return encode_anchor(NOTE, read_frontier(GROWN.node, start), LEAVES[start:])


@pytest.mark.parametrize("start", range(22))
def test_an_anchor_has_the_rest_of_the_leaves(start: int):
    """Whichever part lies in tiles: the rest comes back, with every root on the way."""
    found = decode_anchor(anchor_from(start), KNOWN)
    assert (found.start, found.leaves, found.note) == (start, tuple(LEAVES[start:]), NOTE)
    for size in range(start, 22):
        assert found.root_at(size) == mth(LEAVES[:size])
    for size in {-1, start - 1, 22}:
        with pytest.raises(ValueError, match="outside the leaves"):
            found.root_at(size)


def test_the_format_is_the_one_of_the_page():
    """Byte for byte."""
    peaks = [b64encode(peak).decode() for peak in read_frontier(GROWN.node, 19).peaks]
    assert len(peaks) == 3
    lines = [
        "callvault-anchor/v1",
        f"checkpoint {b64encode(NOTE).decode()}",
        "start 19",
        *(f"peak {peak}" for peak in peaks),
        "",
        "",
    ]
    assert anchor_from(19) == "\n".join(lines).encode() + write_bundle(LEAVES[19:])


@pytest.mark.parametrize("start", [0, 19, 21])
def test_a_changed_byte_is_refused(start: int):
    """Whichever it is; and so is an anchor that was cut, one with more behind it, and one of another key."""
    body = anchor_from(start)
    for at in range(len(body)):
        changed = bytearray(body)
        changed[at] ^= 1
        with pytest.raises(Tampered):
            decode_anchor(bytes(changed), KNOWN)
        with pytest.raises(Tampered):
            decode_anchor(body[:at], KNOWN)
    with pytest.raises(Tampered):
        decode_anchor(body + b"\x00\x00", KNOWN)
    with pytest.raises(Tampered):
        decode_anchor(body, [Signer(name=SIGNER.name, secret=bytes(32)).verifier])


def test_the_largest_anchor_is_a_small_object():
    """Small objects are read with one request, and have at most 1 MiB."""
    leaf = bytes(MAX_LEAF_BYTES)
    note = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=1, root=mth([leaf])), SIGNER)
    head = len(encode_anchor(note, read_frontier(GROWN.node, 0), ()))
    assert head + 63 * 64 + MAX_BYTES + MAX_LEAF_BYTES + 2 * MAX_LEAVES < 1024 * 1024


def test_a_key_says_what_the_anchor_holds():
    """Size, root and attempt, in an order in which a listing has the largest last; nothing else is a key."""
    place = AnchorPlace(size=21, root=leaf_hash(b"x"), attempt="0123456789abcdef")
    assert parse_location(place.key) == place
    assert place.key < AnchorPlace(size=100, root=bytes(32), attempt="0" * 16).key
    for other in (place.key[:-1], place.key + "0", place.key.upper(), "log/checkpoint", ""):
        assert parse_location(other) is None
