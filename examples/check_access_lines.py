"""Checks the access log that a collector received as JSON lines: no gap, and the roots that the vault signed.

Usage: check_access_lines.py FILE. It does not check the signatures: `callvault verify-log` does.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path


def node(left, right):
    """Return the hash of two nodes (RFC 6962)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(peaks):
    """Return the root over the complete subtrees, the largest first."""
    root = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        root = node(left, root)
    return root


peaks, size, problems = [], 0, 0
for line in Path(sys.argv[1]).read_text("ascii").splitlines():
    entry = json.loads(line)
    if "checkpoint" in entry and entry["size"] == size:
        signed = base64.b64decode(entry["checkpoint"].splitlines()[2])
        good = signed == root_of(peaks)
        problems += not good
        print(f"checkpoint {size}: the root is {'right' if good else 'WRONG'}")
    elif "index" in entry and entry["index"] >= size:
        if entry["index"] > size:
            sys.exit(f"gap: {size} to {entry['index'] - 1} are missing")
        # The canonical form of an entry: the bytes that are hashed.
        leaf = json.dumps(entry["event"], sort_keys=True, separators=(",", ":")).encode()
        peaks.append((1, hashlib.sha256(b"\0" + leaf).digest()))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (count, right), (_, left) = peaks.pop(), peaks.pop()
            peaks.append((2 * count, node(left, right)))
        size += 1
print(f"{size} entries without a gap")
sys.exit(problems)
