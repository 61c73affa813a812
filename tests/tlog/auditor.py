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


def read_proof(text):
    """Take a tlog-proof apart by hand: index, hashes, and the size and root that the checkpoint names."""
    head, _, note = text.decode().partition("\n\n")
    version, index, *hashes = head.split("\n")
    assert version == "c2sp.org/tlog-proof@v1"
    _, size, root, *_ = note.split("\n")
    decoded = [base64.b64decode(line) for line in hashes]
    return int(index.removeprefix("index ")), decoded, int(size), base64.b64decode(root)
