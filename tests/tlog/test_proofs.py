"""Proofs are those of the RFC's definitions, are read in O(log n), and verify for what they prove alone."""

import os
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import rfc6962
from tests.tlog.grown import Grown, numbered
from vault.errors import Tampered
from vault.tlog.hashing import EMPTY_ROOT, MAX_SIZE, leaf_hash, node_hash
from vault.tlog.proofs import (
    MAX_PROOF_HASHES,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from vault.tlog.tree import root_at

EXAMPLES = 2_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 50
LARGEST = 64
LEAVES = numbered(2000)
GROWN = Grown(LEAVES)
SIZES = st.integers(1, len(LEAVES))
#: A tree of equal leaves has one hash for each level, so it can have any size.
LEVELS = [leaf_hash(b"same")]
for _ in range(MAX_PROOF_HASHES):
    LEVELS.append(node_hash(LEVELS[-1], LEVELS[-1]))
OTHER = leaf_hash(b"of another log")


@cache
def root(size):
    """Return the root of the first leaves, by the definition."""
    return rfc6962.mth(LEAVES[:size])


def included(index, size, proof, /, **changes):
    """Verify an inclusion proof, with one thing or another changed."""
    claim = {"index": index, "size": size, "leaf": leaf_hash(LEAVES[index]), "root": root(size)}
    verify_inclusion(proof=proof, **claim | changes)


def consistent(old_size, size, proof, /, **changes):
    """Verify a consistency proof, with one thing or another changed."""
    claim = {"old_size": old_size, "old_root": root(old_size), "size": size, "root": root(size)}
    verify_consistency(proof=proof, **claim | changes)


def spoiled(proof):
    """Yield every way to flip, drop, double, swap, shorten or add a hash."""
    for i, item in enumerate(proof):
        yield (*proof[:i], bytes([item[0] ^ 1]) + item[1:], *proof[i + 1 :])
        yield (*proof[:i], item[:31] + bytes([item[31] ^ 0x80]), *proof[i + 1 :])
        yield (*proof[:i], *proof[i + 1 :])
        yield (*proof[: i + 1], *proof[i:])
        yield (*proof[:i], item[:31], *proof[i + 1 :])
        yield (*proof[:i], item + b"\x00", *proof[i + 1 :])
    for i, j in combinations(range(len(proof)), 2):
        swapped = list(proof)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        yield tuple(swapped)
    yield (*proof, OTHER)
    yield (OTHER, *proof)


def test_every_inclusion_proof_up_to_64_leaves_is_that_of_the_definition():
    """All 2,080 proofs equal PATH(m, D[n]) and verify."""
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = inclusion_proof(GROWN.node, index, size)
            assert list(proof) == rfc6962.path(index, LEAVES[:size])
            included(index, size, proof)


def test_every_consistency_proof_up_to_64_leaves_is_that_of_the_definition():
    """All 2,080 proofs equal PROOF(m, D[n]) and verify; from no leaves the proof is empty."""
    for size in range(LARGEST + 1):
        assert consistency_proof(GROWN.node, 0, size) == ()
        consistent(0, size, ())
        for old_size in range(1, size + 1):
            proof = consistency_proof(GROWN.node, old_size, size)
            assert list(proof) == rfc6962.proof(old_size, LEAVES[:size])
            consistent(old_size, size, proof)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_larger_trees_have_the_proofs_of_the_definition(data):
    """Sizes up to 2,000 give PATH and PROOF of the definition, and they verify."""
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(GROWN.node, index, size)
    assert list(proof) == rfc6962.path(index, LEAVES[:size])
    included(index, size, proof)
    proof = consistency_proof(GROWN.node, index + 1, size)
    assert list(proof) == rfc6962.proof(index + 1, LEAVES[:size])
    consistent(index + 1, size, proof)


@settings(max_examples=EXAMPLES * 4)
@given(st.data())
def test_trees_of_any_size_are_proven_in_few_reads(data):
    """Up to 2^63 - 1 leaves, a proof takes at most two reads for each level, and verifies."""
    reads = []

    def node(level, index):
        reads.append((level, index))
        assert (index + 1) << level <= size
        return LEVELS[level]

    size = data.draw(st.integers(1, MAX_SIZE) | st.integers(1, 62).map(lambda bit: (1 << bit) + 1))
    index = data.draw(st.integers(0, size - 1))
    top = root_at(node, 0, size)
    reads.clear()
    proof = inclusion_proof(node, index, size)
    assert len(reads) <= 2 * size.bit_length()
    assert len(proof) <= MAX_PROOF_HASHES
    verify_inclusion(index=index, size=size, leaf=LEVELS[0], root=top, proof=proof)
    old_root = root_at(node, 0, index + 1)
    reads.clear()
    proof = consistency_proof(node, index + 1, size)
    assert len(reads) <= 2 * size.bit_length()
    verify_consistency(old_size=index + 1, old_root=old_root, size=size, root=top, proof=proof)


def test_a_spoiled_inclusion_proof_is_refused():
    """Every flip, drop, double, swap, cut and addition in every proof up to 20 leaves, and every wrong claim."""
    for size in range(1, 21):
        for index in range(size):
            proof = inclusion_proof(GROWN.node, index, size)
            for wrong in spoiled(proof):
                with pytest.raises(Tampered):
                    included(index, size, wrong)
            for other in (i for i in range(-1, size + 1) if i != index):
                with pytest.raises(Tampered):
                    included(index, size, proof, index=other)
            for changes in ({"leaf": OTHER}, {"root": OTHER}, {"leaf": b""}, {"root": root(size)[:31]}):
                with pytest.raises(Tampered):
                    included(index, size, proof, **changes)


def test_a_spoiled_consistency_proof_is_refused():
    """Every flip, drop, double, swap, cut and addition between all sizes up to 20, and every wrong root."""
    for size in range(21):
        for old_size in range(size + 1):
            proof = consistency_proof(GROWN.node, old_size, size)
            for wrong in spoiled(proof):
                with pytest.raises(Tampered):
                    consistent(old_size, size, wrong)
            with pytest.raises(Tampered):
                consistent(old_size, size, proof, old_root=OTHER)
            if old_size:
                with pytest.raises(Tampered):
                    consistent(old_size, size, proof, root=OTHER)


def test_a_rewritten_log_has_no_proof():
    """A log whose third leaf was changed is consistent with no earlier tree that had it."""
    rewritten = Grown([*LEAVES[:2], b"changed", *LEAVES[3:20]])
    for old_size in range(3, 20):
        proof = consistency_proof(rewritten.node, old_size, 20)
        with pytest.raises(Tampered, match="does not lead to the"):
            consistent(old_size, 20, proof, root=rewritten.frontier.root())


def test_a_node_is_no_leaf():
    """The preimage of an inner node, shown as a leaf one level up, does not verify."""
    inner = leaf_hash(LEAVES[0]) + leaf_hash(LEAVES[1])
    proof = inclusion_proof(GROWN.node, 0, 4)
    with pytest.raises(Tampered, match="from the leaf to the root"):
        verify_inclusion(index=0, size=2, leaf=leaf_hash(inner), root=root(4), proof=proof[1:])


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"old_size": 3, "size": 2}, "fewer leaves"),
        ({"old_size": -1}, "fewer leaves"),
        ({"size": MAX_SIZE + 1}, "fewer leaves"),
        ({"old_size": 0}, "empty tree"),
        ({"old_size": 0, "size": 0, "old_root": EMPTY_ROOT}, "empty tree"),
        ({"old_size": 4}, "same size have different roots"),
        ({"old_size": 0, "old_root": EMPTY_ROOT, "proof": (OTHER,)}, "too many"),
        ({"proof": (OTHER,) * 3}, "too many"),
        ({"old_size": 3, "old_root": root(3)}, "too few"),
        ({"proof": ()}, "too few"),
    ],
)
def test_a_refused_consistency_proof_says_what_is_wrong(claim, message):
    """The message names the part that does not hold."""
    right = {"proof": consistency_proof(GROWN.node, 2, 4), "old_size": 2, "old_root": root(2), "size": 4}
    claim = right | ({"proof": ()} if claim.get("old_size", 2) != 2 else {}) | claim
    with pytest.raises(Tampered, match=message):
        verify_consistency(root=root(4), **claim)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda proof: {"proof": (*proof, OTHER)}, "too many"),
        (lambda proof: {"proof": proof[:-1]}, "too few"),
        (lambda proof: {"proof": (proof[0] + b"\x00", *proof[1:])}, "not have 32 bytes"),
        (lambda proof: {"proof": proof, "leaf": LEAVES[2]}, "not have 32 bytes"),
        (lambda proof: {"proof": proof, "index": 5}, "outside the tree"),
        (lambda proof: {"proof": proof, "leaf": OTHER}, "from the leaf to the root"),
    ],
)
def test_a_refused_inclusion_proof_says_what_is_wrong(change, message):
    """The message names the part that does not hold."""
    right = {"index": 2, "size": 5, "leaf": leaf_hash(LEAVES[2]), "root": root(5)}
    with pytest.raises(Tampered, match=message):
        verify_inclusion(**right | change(inclusion_proof(GROWN.node, 2, 5)))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 5), (6, 5)])
def test_an_impossible_inclusion_proof_is_the_askers_mistake(index, size):
    """A position outside the tree has no proof."""
    with pytest.raises(ValueError, match="outside the tree"):
        inclusion_proof(GROWN.node, index, size)


@pytest.mark.parametrize(("old_size", "size"), [(-1, 0), (1, 0), (6, 5)])
def test_an_impossible_consistency_proof_is_the_askers_mistake(old_size, size):
    """A tree is never consistent with a larger, earlier one."""
    with pytest.raises(ValueError, match="larger than the later"):
        consistency_proof(GROWN.node, old_size, size)
