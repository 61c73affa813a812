"""An auditor who has read RFC 6962 and nothing of the vault: checks an inclusion proof in a few lines."""

import base64
import hashlib


def root_by_proof(index, size, leaf, hashes):
    """Return the root to which a leaf and its proof lead, by the recursion of RFC 6962, section 2.1.1."""
    if size == 1:
        assert hashes == []
        return hashlib.sha256(b"\x00" + leaf).digest()
    split = 1
    while 2 * split < size:
        split *= 2
    *lower, last = hashes
    if index < split:
        left, right = root_by_proof(index, split, leaf, lower), last
    else:
        left, right = last, root_by_proof(index - split, size - split, leaf, lower)
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots_by_growth(old_size, size, old_root, hashes):
    """Return the roots of both trees to which a consistency proof leads, by the recursion of section 2.1.2.

    The earlier root is taken from the auditor's own copy where the proof leaves it out.
    """
    if old_size in (0, size):
        assert hashes == []
        return old_root, (old_root if old_size else None)
    rest = list(hashes)

    def both(start_size, whole_size, *, complete):
        if start_size == whole_size:
            known = old_root if complete else rest.pop(0)
            return known, known
        split = 1
        while 2 * split < whole_size:
            split *= 2
        if start_size <= split:
            old, left = both(start_size, split, complete=complete)
            return old, hashlib.sha256(b"\x01" + left + rest.pop(0)).digest()
        old, right = both(start_size - split, whole_size - split, complete=False)
        left = rest.pop(0)
        return (hashlib.sha256(b"\x01" + left + part).digest() for part in (old, right))

    roots = tuple(both(old_size, size, complete=True))
    assert rest == []
    return roots


def read_checkpoint(note):
    """Return the size and the root that a checkpoint names; the signature is another's work."""
    _, size, root, *_ = note.decode().split("\n")
    return int(size), base64.b64decode(root)


def read_proof(text):
    """Take a tlog-proof apart by hand: index, hashes, and the size and root that the checkpoint names."""
    head, _, note = text.decode().partition("\n\n")
    version, *lines = head.split("\n")
    # Extra data is not authenticated.
    index, *hashes = [line for line in lines if not line.startswith("extra ")]
    assert version == "c2sp.org/tlog-proof@v1"
    _, size, root, *_ = note.split("\n")
    decoded = [base64.b64decode(line) for line in hashes]
    return int(index.removeprefix("index ")), decoded, int(size), base64.b64decode(root)
