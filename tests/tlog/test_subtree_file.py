"""Log files of version 2: own leaves in full, and the roots of the subtrees between them."""

import random
from itertools import pairwise

import pytest

from tests.support.rfc6962 import mth
from tests.tlog.grown import Grown, numbered, write_hash
from vault.errors import Invalid, Tampered
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.log_file import read_head, verify_log, write_head, write_leaf, write_subtree
from vault.tlog.note import Signer
from vault.tlog.tree import Frontier, Node, cover

SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
LEAVES = numbered(600)
GROWN = Grown(LEAVES)


def note_of(leaves):
    """Sign the checkpoint of these leaves."""
    return sign_checkpoint(Checkpoint(origin=SIGNER.name, size=len(leaves), root=mth(leaves)), SIGNER)


def subtree(level, index, hashed=None):
    """Write the line of a subtree."""
    return write_subtree(Node(level=level, index=index, hash=hashed or GROWN.nodes[level, index]))


def leaf(index, body=None):
    """Write the line of a leaf in full."""
    body = LEAVES[index] if body is None else body
    return write_leaf(index, leaf_hash(body), body)


def lines_of(own, size, splits=()):
    """Write the lines of a log of this size with these leaves in full."""
    lines, at = [], 0
    for stop in sorted({*own, *splits, size}):
        lines += [subtree(*place) for place in cover(at, stop)]
        at = stop
        if stop in own:
            lines.append(leaf(stop))
            at += 1
    return lines


def verify(lines, size=600, **more):
    """Verify lines under the checkpoint of the first ``size`` leaves."""
    return verify_log(lines, note_of(LEAVES[:size]), [SIGNER.verifier], version=2, **more)


def test_subtrees_make_up_every_range():
    """They are complete, adjacent and as few as possible."""
    for start in range(40):
        for end in range(start, 40):
            found = list(cover(start, end))
            at = start
            for level, index in found:
                assert index << level == at
                at = (index + 1) << level
            assert at == end
            for (level, index), following in pairwise(found):
                # Two of them never are the halves of a larger one.
                assert index % 2 or following != (level, index + 1)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 600])
def test_a_log_of_any_leaves_is_verified(size):
    """The root comes out for each choice of leaves in full."""
    chosen = random.Random(size)  # noqa: S311 - a test that repeats
    for count in (0, 1, size // 3, size):
        own = set(chosen.sample(range(size), count))
        seen = []
        found = verify(lines_of(own, size), size, progress=lambda done, of: seen.append((done, of)))  # noqa: B023
        assert (found.in_full, found.checkpoint.size) == (count, size)
        assert seen[-1] == (size, size)


def test_the_head_says_the_version():
    """It is read back with the key and the note."""
    head = read_head(iter(write_head(SIGNER.verifier, note_of(LEAVES), version=2).splitlines(keepends=True)))
    assert (head.version, head.verifier) == (2, SIGNER.verifier)


OWN = {3, 255, 256, 400}
LINES = lines_of(OWN, 600)
PLACE = {int(line.split()[1]): number for number, line in enumerate(LINES) if line.startswith(b"leaf")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines.pop(0), "Entry 0 is missing: entry 2"),
        (lambda lines: lines.pop(), "Entry 592 is missing: the checkpoint covers 600"),
        (
            lambda lines: lines.insert(PLACE[3], lines[PLACE[3]]),
            "Entry 3 is repeated in the place of entry 4",
        ),
        (lambda lines: lines.append(subtree(0, 600, bytes(32))), "Entry 600 was added"),
        (lambda lines: lines.__setitem__(-1, subtree(4, 37, bytes(32))), "Entry 600 was added"),
        (
            lambda lines: lines.__setitem__(PLACE[3], write_leaf(3, leaf_hash(LEAVES[3]), b"other")),
            "Entry 3 was changed",
        ),
        (lambda lines: lines.__setitem__(PLACE[3], leaf(3, b"other")), "One of the entries 0 to 599"),
        (lambda lines: lines.__setitem__(-1, subtree(3, 74, bytes(32))), "One of the entries 0 to 599"),
        (lambda lines: lines.__setitem__(PLACE[3], write_hash(3, leaf_hash(LEAVES[3]))), "is not an entry"),
        (lambda lines: lines.__setitem__(0, b"tree 63 0 " + LINES[0].split()[3] + b"\n"), "malformed"),
        (lambda lines: lines.__setitem__(0, b"tree 1 " + LINES[0].split()[3] + b"\n"), "malformed"),
        (lambda lines: lines.__setitem__(0, b"tree 1 0 AAAA\n"), "subtree at entry 0"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    """A line that is missing, repeated, added or changed."""
    lines = list(LINES)
    change(lines)
    with pytest.raises(Tampered, match=words):
        verify(lines)


def test_earlier_checkpoints_need_a_split():
    """At their size no subtree goes over, or the file says how to get one that fits."""
    earlier = [note_of(LEAVES[:size]) for size in (0, 100, 401, 600)]
    assert verify(lines_of(OWN, 600, splits=(100,)), earlier=earlier).in_full == len(OWN)
    with pytest.raises(Invalid, match="earlier=100"):
        verify(LINES, earlier=earlier)
    other = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=100, root=bytes(32)), SIGNER)
    with pytest.raises(Tampered, match="One of the entries 0 to 99 is not what it was"):
        verify(lines_of(OWN, 600, splits=(100,)), earlier=[other])
    with pytest.raises(Tampered, match="an earlier checkpoint covers 600"):
        verify(lines_of(OWN, 500), 500, earlier=earlier[:1] + earlier[3:])


def test_a_subtree_begins_where_the_tree_ends():
    """Another place, and a hash of another length, are the caller's errors."""
    grown = Frontier().extend_node(Node(level=2, index=0, hash=GROWN.nodes[2, 0]))
    assert grown.root() == GROWN.nodes[2, 0]
    for node in (Node(level=2, index=2, hash=bytes(32)), Node(level=2, index=1, hash=bytes(31))):
        with pytest.raises(ValueError, match="subtree"):
            grown.extend_node(node)
