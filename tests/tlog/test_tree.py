"""The frontier gives the roots of RFC 6962, and nodes that are written once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rfc6962 import mth
from tests.tlog.grown import Grown, numbered
from vault.tlog.hashing import EMPTY_ROOT, MAX_SIZE, leaf_hash
from vault.tlog.tree import Frontier, Node, read_frontier, root_at

LARGEST = 64


def test_every_root_up_to_64_leaves_is_that_of_the_definition():
    """Growing leaf by leaf passes through the root of every size."""
    leaves, grown = numbered(LARGEST), Grown([])
    assert grown.frontier.root() == EMPTY_ROOT
    for size in range(1, LARGEST + 1):
        grown.append(leaves[size - 1])
        assert grown.frontier.root() == mth(leaves[:size])


def test_exactly_the_complete_subtrees_become_nodes():
    """After n leaves the nodes are all (level, index) whose leaves all exist, each with its own root."""
    leaves = numbered(LARGEST)
    for size in range(LARGEST + 1):
        expected = {
            (level, index): mth(leaves[index << level : (index + 1) << level])
            for level in range(size.bit_length())
            for index in range(size >> level)
        }
        assert Grown(leaves[:size]).nodes == expected


def test_an_append_names_the_leaf_first_and_then_what_it_completes():
    """The fourth leaf completes two subtrees, from below."""
    before = Grown(numbered(3)).frontier
    after, nodes = before.append(leaf_hash(b"\x03\x00"))
    assert nodes == (
        Node(level=0, index=3, hash=leaf_hash(b"\x03\x00")),
        Node(level=1, index=1, hash=mth(numbered(4)[2:])),
        Node(level=2, index=0, hash=mth(numbered(4))),
    )
    assert (before.size, after.size, after.peaks) == (3, 4, (mth(numbered(4)),))


def test_an_append_leaves_the_earlier_frontier_as_it_was():
    """Two leaves after the same frontier give two trees: what a failed transaction made is simply dropped."""
    before = Grown(numbered(5)).frontier
    one, other = before.append(leaf_hash(b"one"))[0], before.append(leaf_hash(b"other"))[0]
    assert before.root() == mth(numbered(5))
    assert one.root() == mth([*numbered(5), b"one"])
    assert other.root() == mth([*numbered(5), b"other"])


@given(st.integers(0, 300), st.integers(0, 300))
def test_extending_is_appending_one_after_the_other(first, second):
    """A batch gives the frontier and the nodes that single leaves give."""
    hashes = [leaf_hash(leaf) for leaf in numbered(first + second)]
    frontier, nodes = Frontier().extend(hashes[:first])
    frontier, more = frontier.extend(hashes[first:])
    single = Grown(numbered(first + second))
    assert frontier == single.frontier
    assert {(node.level, node.index): node.hash for node in (*nodes, *more)} == single.nodes


def test_a_frontier_is_made_again_from_stored_nodes():
    """Every size up to 64 is read back in as many reads as it has ones, from the nodes of a larger tree."""
    leaves = numbered(LARGEST)
    grown = Grown(leaves)
    for size in range(LARGEST + 1):
        grown.reads = 0
        assert read_frontier(grown.node, size) == Grown(leaves[:size]).frontier
        assert grown.reads == size.bit_count()


@settings(max_examples=50)
@given(st.integers(0, 2000))
def test_larger_roots_are_those_of_the_definition(size):
    """Sizes up to 2,000 have the root of the recursive definition, from frontier and from nodes."""
    leaves = numbered(size)
    grown = Grown(leaves)
    assert grown.frontier.root() == root_at(grown.node, 0, size) == mth(leaves)


@pytest.mark.parametrize(
    ("size", "peaks"), [(-1, ()), (0, (bytes(32),)), (1, ()), (3, (bytes(32),)), (MAX_SIZE + 1, (bytes(32),))]
)
def test_a_frontier_that_cannot_be_is_refused(size, peaks):
    """The number of peaks is the number of ones in the size, which is below 2^63."""
    with pytest.raises(ValueError, match="number of peaks does not match"):
        Frontier(size=size, peaks=peaks)


@pytest.mark.parametrize("leaf", [b"", bytes(31), bytes(33)])
def test_only_a_hash_is_appended(leaf):
    """The bytes of a leaf in place of its hash are refused."""
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier().append(leaf)
