"""Log files: a whole log up to a checkpoint, line by line, some leaves in full and the others as hashes.

In version 1 each other leaf is a hash. In version 2 the leaves between two leaves in full are the roots of the
largest complete subtrees, so the size of the file depends on the leaves in full, not on the log.

The reader computes every hash and trusts none from the file. The leaf hashes and nodes in the file have one
purpose: they locate the first bad entry, where the signed root alone only shows that there is one.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vault.errors import Invalid, Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.encoding import read_base64, read_decimal, read_hash, read_text, write_base64
from vault.tlog.hashing import MAX_SIZE, leaf_hash
from vault.tlog.note import MAX_NOTE_BYTES, Verifier, parse_verifier
from vault.tlog.tree import Frontier, Node

#: The first line of each version.
HEADERS = {1: "callvault-log/v1", 2: "callvault-log/v2"}
#: Only nodes whose level is a multiple of this are written: one line for 256 entries.
EVERY = 8
#: Enough for a leaf of 64 KiB, or a checkpoint, in base64.
MAX_LINE_BYTES = 2 * MAX_NOTE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The result of a valid log file."""

    checkpoint: Checkpoint
    #: Number of leaves in full.
    in_full: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first three lines, not verified."""

    version: int
    #: The key that the file names.
    verifier: Verifier
    #: The signed checkpoint.
    note: bytes


def write_head(verifier: Verifier, note: bytes, *, version: int = 1) -> bytes:
    """Encode the first three lines: version, verifier key, signed checkpoint."""
    return f"{HEADERS[version]}\nkey {verifier.write()}\ncheckpoint {write_base64(note)}\n".encode()


def write_leaf(index: int, hashed: bytes, leaf: bytes) -> bytes:
    """Encode the line of a leaf in full, with its hash in the log."""
    return f"leaf {index} {write_base64(hashed)} {write_base64(leaf)}\n".encode()


def write_node(node: Node) -> bytes:
    """Encode the line of a node that the entry before it completed."""
    return f"node {node.level} {node.index} {write_base64(node.hash)}\n".encode()


def write_subtree(node: Node) -> bytes:
    """Encode the line of a complete subtree, of which only the root is disclosed. Version 2 only."""
    return f"tree {node.level} {node.index} {write_base64(node.hash)}\n".encode()


def read_head(lines: Iterator[bytes]) -> Head:
    """Parse the first three lines. Raises Tampered for another format, Invalid for an invalid key."""
    first = _text(lines)
    version = next((version for version, header in HEADERS.items() if header == first), None)
    if version is None:
        raise Tampered("The file is not a log file of this version.")
    key, note = _text(lines), _text(lines)
    if not key.startswith("key ") or not note.startswith("checkpoint "):
        raise Tampered("The log file has no key or no checkpoint.")
    verifier = parse_verifier(key.removeprefix("key "))
    signed = read_base64(note.removeprefix("checkpoint "), "checkpoint of the log file")
    return Head(version=version, verifier=verifier, note=signed)


def verify_log(
    lines: Iterable[bytes],
    note: bytes,
    verifiers: Sequence[Verifier],
    *,
    version: int = 1,
    earlier: Sequence[bytes] = (),
    heads: Sequence[Checkpoint] = (),
    progress: Callable[[int, int], None] = lambda _read, _size: None,
    take: Callable[[int, bytes], None] = lambda _index, _leaf: None,
) -> Verified:
    """Verify the lines after the head against the signed note and earlier checkpoints of the same log.

    ``heads`` are earlier checkpoints whose signature the caller has verified. ``progress`` is called with the number of
    entries read and the total, ``take`` with index and bytes of each leaf in full: nothing is verified before this
    returns. Raises Tampered, which names the first bad
    entry, or the shortest range with it that the file can show; Invalid for an earlier checkpoint whose size is
    inside a subtree of a file of version 2.
    """
    checkpoint = open_checkpoint(note, verifiers)
    known = [*heads, *(open_checkpoint(earlier_note, verifiers) for earlier_note in earlier)]
    kind = {1: _Reader, 2: _SubtreeReader}[version]
    reader = kind(checkpoint, sorted(known, key=lambda opened: opened.size), take)
    for line in lines:
        # Editors and mail programs add empty lines. They say nothing, and what follows is checked as before.
        if not line.strip(b"\r\n"):
            continue
        reader.take(_one_line(line))
        progress(reader.frontier.size, checkpoint.size)
    reader.finish()
    return Verified(checkpoint=checkpoint, in_full=reader.in_full)


class _Reader:
    """Rebuilds the tree, entry by entry."""

    #: The first word of an entry's line.
    kinds = frozenset({"leaf", "hash"})

    def __init__(
        self, checkpoint: Checkpoint, earlier: list[Checkpoint], take_leaf: Callable[[int, bytes], None]
    ) -> None:
        self.checkpoint = checkpoint
        self._take_leaf = take_leaf
        self.frontier = Frontier()
        self.in_full = 0
        #: The leaves up to this size match a signed root.
        self._verified = 0
        self._earlier = earlier
        #: Nodes that the last entry completed; their lines must follow.
        self._nodes: list[Node] = []
        self._compare_earlier()

    def take(self, line: str) -> None:
        """Verify the next line."""
        kind, _, rest = line.partition(" ")
        if self._nodes:
            self._take_node(kind, rest)
        elif kind in self.kinds:
            self._take_entry(kind, rest)
        else:
            raise Tampered(f"The line after entry {self.frontier.size - 1} is not an entry.")

    def finish(self) -> None:
        """Verify the end of the file."""
        size = self.frontier.size
        if size < self.checkpoint.size or self._nodes:
            raise Tampered(f"Entry {size} is missing: the checkpoint covers {self.checkpoint.size}.")
        self._compare(self.checkpoint, "signed checkpoint")
        if self._earlier:
            covered = self._earlier[0].size
            raise Tampered(
                f"Entry {size} is missing: an earlier checkpoint covers {covered}, and this log only {size}."
            )

    def _take_entry(self, kind: str, rest: str) -> None:
        expected, parts = self.frontier.size, rest.split(" ")
        if len(parts) != (3 if kind == "leaf" else 2):
            raise Tampered(f"The line of entry {expected} is malformed.")
        index = read_decimal(parts[0], f"index at entry {expected}")
        self._require_place(index, index + 1)
        hashed = read_hash(parts[1], f"hash of entry {index}")
        if kind == "leaf":
            leaf = read_base64(parts[2], f"leaf of entry {index}")
            if not hmac.compare_digest(leaf_hash(leaf), hashed):
                raise Tampered(f"Entry {index} was changed: its leaf does not match its hash.")
            self.in_full += 1
            self._take_leaf(index, leaf)
        self._append(hashed)

    def _append(self, hashed: bytes) -> None:
        self.frontier, nodes = self.frontier.extend((hashed,), every=EVERY)
        self._nodes = list(nodes[1:])
        if not self._nodes:
            self._compare_earlier()

    def _require_place(self, start: int, end: int) -> None:
        """Check that the entries [start, end) follow those read, and are covered by the checkpoint."""
        expected, size = self.frontier.size, self.checkpoint.size
        if start > expected:
            raise Tampered(f"Entry {expected} is missing: entry {start} is in its place.")
        if start < expected:
            raise Tampered(f"Entry {start} is repeated in the place of entry {expected}.")
        if end > size:
            raise Tampered(f"Entry {max(start, size)} was added: the checkpoint covers {size}.")

    def _take_node(self, kind: str, rest: str) -> None:
        node = self._nodes.pop(0)
        first, end = node.index << node.level, (node.index + 1) << node.level
        parts = rest.split(" ")
        if kind != "node" or parts[:2] != [str(node.level), str(node.index)] or len(parts) != 3:  # noqa: PLR2004 - level, index, hash
            raise Tampered(f"After entry {end - 1} the node of level {node.level} is missing.")
        if not hmac.compare_digest(read_hash(parts[2], f"node after entry {end - 1}"), node.hash):
            first = max(first, self._verified)
            raise Tampered(f"{_one_of(first, end)} was changed, and its hash too.")
        if not self._nodes:
            self._compare_earlier()

    def _compare_earlier(self) -> None:
        while self._earlier and self._earlier[0].size == self.frontier.size:
            self._compare(self._earlier.pop(0), "earlier checkpoint")

    def _compare(self, checkpoint: Checkpoint, what: str) -> None:
        if not hmac.compare_digest(self.frontier.root(), checkpoint.root):
            raise Tampered(
                f"{_one_of(self._verified, checkpoint.size)} is not what it was when the {what} of "
                f"{checkpoint.size} entries was made, and the hashes were recomputed."
            )
        self._verified = checkpoint.size


class _SubtreeReader(_Reader):
    """Rebuilds the tree from leaves in full and roots of complete subtrees."""

    kinds = frozenset({"leaf", "tree"})

    def _take_entry(self, kind: str, rest: str) -> None:
        if kind == "leaf":
            super()._take_entry(kind, rest)
            return
        expected, parts = self.frontier.size, rest.split(" ")
        if len(parts) != 3:  # noqa: PLR2004 - level, index, hash
            raise Tampered(f"The line of entry {expected} is malformed.")
        level = read_decimal(parts[0], f"level at entry {expected}")
        index = read_decimal(parts[1], f"index at entry {expected}")
        if level >= MAX_SIZE.bit_length():
            raise Tampered(f"The line of entry {expected} is malformed.")
        self._require_place(index << level, (index + 1) << level)
        hashed = read_hash(parts[2], f"subtree at entry {expected}")
        self.frontier = self.frontier.extend_node(Node(level=level, index=index, hash=hashed))
        self._compare_earlier()

    def _append(self, hashed: bytes) -> None:
        self.frontier, _ = self.frontier.append(hashed)
        self._compare_earlier()

    def _compare_earlier(self) -> None:
        super()._compare_earlier()
        if self._earlier and self._earlier[0].size < self.frontier.size:
            size = self._earlier[0].size
            raise Invalid(
                f"This file cannot be compared with a checkpoint of {size} entries: export the log again with "
                f"?earlier={size}."
            )


def _one_of(start: int, end: int) -> str:
    return f"Entry {start}" if end - start == 1 else f"One of the entries {start} to {end - 1}"


def _text(lines: Iterator[bytes]) -> str:
    return _one_line(next(lines, b""))


def _one_line(line: bytes) -> str:
    return read_text(line, "line of the log file", limit=MAX_LINE_BYTES).removesuffix("\n")
