"""Log files: what fits is verified, and the first bad entry is named, whichever way it is bad."""

import base64

import pytest

from tests.support.rfc6962 import mth
from tests.tlog.grown import Grown, numbered, write_hash
from vault.errors import Invalid, Tampered
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.hashing import EMPTY_ROOT, leaf_hash
from vault.tlog.log_file import Head, read_head, verify_log, write_head, write_leaf, write_node
from vault.tlog.note import Signer

pytestmark = pytest.mark.faults

SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
OTHER = Signer(name="vault.example/access-log", secret=bytes(32))
SIZE = 600
LEAVES = numbered(SIZE)
GROWN = Grown(LEAVES)


def note_of(leaves, signer=SIGNER):
    """Sign the checkpoint of these leaves."""
    root = mth(leaves) if leaves else EMPTY_ROOT
    return sign_checkpoint(Checkpoint(origin=signer.name, size=len(leaves), root=root), signer)


def lines_of(leaves, *, own=lambda index: index % 3 == 0, nodes=None):
    """Write the lines of a log by hand, one after the other: its leaves, and a node after every 256."""
    grown, lines = nodes or Grown(leaves), []
    for index, leaf in enumerate(leaves):
        hashed = leaf_hash(leaf)
        lines.append(write_leaf(index, hashed, leaf) if own(index) else write_hash(index, hashed))
        for level in (8, 16):
            if (index + 1) % (1 << level) == 0:
                place = index >> level
                line = f"node {level} {place} ".encode() + base64.b64encode(grown.nodes[level, place])
                lines.append(line + b"\n")
    return lines


LINES = lines_of(LEAVES)
NOTE = note_of(LEAVES)


def verify(lines, note=NOTE, signer=SIGNER, **more):
    """Verify lines under the key of a signer."""
    return verify_log(lines, note, [signer.verifier], **more)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_a_log_that_fits_is_verified(size):
    """Size, root and the number of leaves in full come out, and progress was told entry by entry."""
    seen = []
    lines = lines_of(LEAVES[:size])
    found = verify(lines, note_of(LEAVES[:size]), progress=lambda done, size: seen.append((done, size)))
    assert (found.checkpoint.size, found.checkpoint.root) == (
        size,
        mth(LEAVES[:size]) if size else EMPTY_ROOT,
    )
    assert found.in_full == len([i for i in range(size) if i % 3 == 0])
    assert sorted({done for done, _ in seen}) == list(range(1, size + 1))
    assert {size for _, size in seen} <= {size}


def test_the_lines_are_written_as_the_format_says():
    """Every kind of line, byte for byte."""
    grown = Grown([b"x"])
    hashed = base64.b64encode(leaf_hash(b"x"))
    assert write_leaf(7, leaf_hash(b"x"), b"x") == b"leaf 7 " + hashed + b" eA==\n"
    assert write_hash(7, leaf_hash(b"x")) == b"hash 7 " + hashed + b"\n"
    assert write_node(grown.frontier.append(leaf_hash(b"x"))[1][1]).startswith(b"node 1 0 ")
    assert write_head(SIGNER.verifier, b"note") == (
        b"callvault-log/v1\nkey " + SIGNER.verifier.write().encode() + b"\ncheckpoint bm90ZQ==\n"
    )


def test_the_head_says_key_and_checkpoint():
    """What was written is read back, and the lines after it are left for the verifier."""
    lines = iter([*write_head(SIGNER.verifier, NOTE).splitlines(keepends=True), b"rest\n"])
    assert read_head(lines) == Head(version=1, verifier=SIGNER.verifier, note=NOTE)
    assert list(lines) == [b"rest\n"]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"", Tampered),
        (b"callvault-log/v3\nkey k\ncheckpoint eA==\n", Tampered),
        (b"callvault-log/v1\n", Tampered),
        (b"callvault-log/v1\ncheckpoint eA==\nkey k\n", Tampered),
        (b"callvault-log/v1\nkey k\ncheckpoint eA==\n", Invalid),
        (b"callvault-log/v1\nkey " + SIGNER.verifier.write().encode() + b"\ncheckpoint eA=\n", Tampered),
        (b"callvault-log/v1\r\nkey k\r\ncheckpoint eA==\r\n", Tampered),
        (b"\xff\n", Tampered),
    ],
)
def test_another_head_is_refused(head, error):
    """Another version, order, spelling or key is no log file."""
    with pytest.raises(error):
        read_head(iter(head.splitlines(keepends=True)))


def place_of(index):
    """Return where the line of an entry stands: one line of a node follows every 256 entries."""
    return index + index // 256


AT = place_of(300)


def flipped(place, field):
    """Flip a bit of what stands in base64 in a field of one line."""
    fields = LINES[place].rstrip(b"\n").split(b" ")
    data = bytearray(base64.b64decode(fields[field]))
    data[len(data) // 2] ^= 1
    fields[field] = base64.b64encode(data)
    return spelt(place, b" ".join(fields) + b"\n")


def spelt(place, line):
    """Write another line in the place of one."""
    return [*LINES[:place], line, *LINES[place + 1 :]]


def added(place, line):
    """Put a line before another."""
    return [*LINES[:place], line, *LINES[place:]]


def without(place):
    """Leave a line out."""
    return [*LINES[:place], *LINES[place + 1 :]]


#: What is done at entry 300, which is in full, or near it, and what the verifier says of it.
BAD = {
    "a bit of a leaf": (flipped(AT, 3), "Entry 300 was changed"),
    "a bit of the hash beside a leaf": (flipped(AT, 2), "Entry 300 was changed"),
    "dropped": (without(AT), "Entry 300 is missing: entry 301 is in its place"),
    "added again": (added(AT, LINES[AT]), "Entry 300 is repeated in the place of entry 301"),
    "an older one added": (added(AT, LINES[5]), "Entry 5 is repeated in the place of entry 300"),
    "exchanged": (
        [*LINES[:AT], LINES[AT + 1], LINES[AT], *LINES[AT + 2 :]],
        "Entry 300 is missing: entry 301",
    ),
    "moved to the end": ([*without(AT), LINES[AT]], "Entry 300 is missing: entry 301"),
    "cut short": (LINES[:AT], "Entry 300 is missing: the checkpoint covers 600"),
    "a bit of another's hash": (flipped(AT + 1, 2), "One of the entries 256 to 511 was changed"),
    "a node dropped": (without(256), "After entry 255 the node of level 8 is missing"),
    "a bit of a node": (flipped(256, 3), "One of the entries 0 to 255 was changed"),
    "a node too many": (added(AT, LINES[256]), "The line after entry 299 is not an entry"),
    "a strange line": (added(AT, b"note 300 x\n"), "The line after entry 299 is not an entry"),
    "no leaf": (spelt(AT, LINES[AT].rpartition(b" ")[0] + b"\n"), "The line of entry 300 is malformed"),
    "a zero before": (spelt(AT, LINES[AT].replace(b" 300 ", b" 0300 ")), "index at entry 300"),
    "one more": ([*LINES, write_hash(600, bytes(32))], "Entry 600 was added: the checkpoint covers 600"),
}


@pytest.mark.parametrize("how", BAD)
def test_the_first_bad_entry_is_named(how):
    """Whatever is done to an export, the verifier says where."""
    lines, words = BAD[how]
    assert LINES[AT].startswith(b"leaf 300 ")
    with pytest.raises(Tampered, match=words):
        verify(lines)


def forged(index, leaf=b"forged"):
    """Return the leaves with one of them replaced."""
    return [*LEAVES[:index], leaf, *LEAVES[index + 1 :]]


def test_a_leaf_changed_with_its_hash_is_found_by_the_nodes():
    """Who changes leaf and hash but not the nodes above is caught within 256 entries."""
    with pytest.raises(Tampered, match="One of the entries 256 to 511 was changed, and its hash too"):
        verify(lines_of(forged(300), nodes=GROWN))


def test_a_leaf_changed_with_everything_above_it_is_found_by_the_root():
    """Who makes every hash again cannot sign: the root is another than the signed one."""
    with pytest.raises(
        Tampered, match="One of the entries 0 to 599 is not what it was when the signed checkpoint of 600"
    ):
        verify(lines_of(forged(300)))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([100, 400, 500], "One of the entries 100 to 399 is not what it was when the earlier checkpoint of 400"),
        ([299, 300, 301], "Entry 300 is not what it was when the earlier checkpoint of 301"),
        ([100, 300], "One of the entries 300 to 599 is not what it was when the signed checkpoint of 600"),
    ],
)  # fmt: skip
def test_earlier_checkpoints_narrow_it_down(sizes, words):
    """Between the last checkpoint that fits and the first that does not lies the bad entry."""
    earlier = [note_of(LEAVES[:size]) for size in reversed(sizes)]
    with pytest.raises(Tampered, match=words):
        verify(lines_of(forged(300)), earlier=earlier)


def test_a_rewritten_log_that_is_signed_again_is_found_by_an_earlier_checkpoint():
    """The log's own key does not help against a checkpoint that somebody kept."""
    rewritten = forged(300)
    lines, note = lines_of(rewritten), note_of(rewritten)
    assert verify(lines, note).checkpoint.size == 600
    assert verify(lines, note, earlier=[note_of(LEAVES[:300])]).checkpoint.size == 600
    with pytest.raises(Tampered, match="One of the entries 0 to 449 is not what it was"):
        verify(lines, note, earlier=[note_of(LEAVES[:450])])


@pytest.mark.parametrize("sizes", [[0], [1], [255, 256, 257], [256], [512, 600], [600, 600], [0, 300, 599]])
def test_earlier_checkpoints_that_fit_are_no_objection(sizes):
    """Each was a beginning of this log; none, all, and several together."""
    assert verify(LINES, earlier=[note_of(LEAVES[:size]) for size in sizes]).checkpoint.size == 600


def test_a_log_that_was_cut_is_found_by_an_earlier_checkpoint():
    """A shorter log, signed or not, is no successor of a longer one."""
    with pytest.raises(Tampered, match="Entry 500 is missing: an earlier checkpoint covers 600"):
        verify(lines_of(LEAVES[:500]), note_of(LEAVES[:500]), earlier=[NOTE])


def test_a_checkpoint_of_another_key_is_refused():
    """Neither the file's checkpoint nor an earlier one counts under a key that is not known."""
    foreign = note_of(LEAVES, OTHER)
    with pytest.raises(Tampered, match="no signature of a known key"):
        verify(LINES, foreign)
    with pytest.raises(Tampered, match="no signature of a known key"):
        verify(LINES, earlier=[foreign])
    assert verify(LINES, foreign, OTHER).checkpoint.size == 600


def test_a_line_without_end_is_refused_before_it_is_kept():
    """A line of a mebibyte is not read into memory further than its limit."""
    with pytest.raises(Tampered, match="more than"):
        verify([b"leaf 0 " + b"A" * (1 << 20)])
    with pytest.raises(Tampered, match="line feed"):
        verify([LINES[0].rstrip(b"\n")])


@pytest.mark.parametrize("empty", [b"\n", b"\r\n", b""])
def test_empty_lines_say_nothing(empty):
    """An editor may add them, anywhere after the head; an entry that is missing between them is still named."""
    padded = [one for line in LINES for one in (line, empty)] + [empty] * 3
    assert verify(padded).checkpoint.size == SIZE
    with pytest.raises(Tampered, match="Entry 300"):
        verify([line for line in padded if line.split(b" ", 2)[1:2] != [b"300"]])
