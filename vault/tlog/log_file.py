"""Log files: a whole log up to a checkpoint, line by line, some leaves in full and the others as hashes.

The reader computes every hash and trusts none from the file. The leaf hashes and nodes in the file have one
purpose: they locate the first bad entry, where the signed root alone only shows that there is one.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vault.errors import Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.encoding import read_base64, read_decimal, read_hash, read_text, write_base64
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import MAX_NOTE_BYTES, Verifier, parse_verifier
from vault.tlog.tree import Frontier, Node

HEADER = "callvault-log/v1"
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


def write_head(verifier: Verifier, note: bytes) -> bytes:
    """Encode the first three lines: version, verifier key, signed checkpoint."""
    return f"{HEADER}\nkey {verifier.write()}\ncheckpoint {write_base64(note)}\n".encode()


def write_leaf(index: int, hashed: bytes, leaf: bytes) -> bytes:
    """Encode the line of a leaf in full, with its hash in the log."""
    return f"leaf {index} {write_base64(hashed)} {write_base64(leaf)}\n".encode()


def write_hash(index: int, hashed: bytes) -> bytes:
    """Encode the line of a leaf of which only the hash is disclosed."""
    return f"hash {index} {write_base64(hashed)}\n".encode()


def write_node(node: Node) -> bytes:
    """Encode the line of a node that the entry before it completed."""
    return f"node {node.level} {node.index} {write_base64(node.hash)}\n".encode()


def read_head(lines: Iterator[bytes]) -> tuple[Verifier, bytes]:
    """Parse the first three lines; return the key in the file, and the signed note without opening it.

    Raises Tampered for another format, Invalid for an invalid key.
    """
    if _text(lines) != HEADER:
        raise Tampered("The file is not a log file of this version.")
    key, note = _text(lines), _text(lines)
    if not key.startswith("key ") or not note.startswith("checkpoint "):
        raise Tampered("The log file has no key or no checkpoint.")
    verifier = parse_verifier(key.removeprefix("key "))
    return verifier, read_base64(note.removeprefix("checkpoint "), "checkpoint of the log file")


def verify_log(
    lines: Iterable[bytes],
    note: bytes,
    verifiers: Sequence[Verifier],
    *,
    earlier: Sequence[bytes] = (),
    progress: Callable[[int, int], None] = lambda _read, _size: None,
) -> Verified:
    """Verify the lines after the head against the signed note and earlier checkpoints of the same log.

    ``progress`` is called with the number of entries read and the total. Raises Tampered, which names the first bad
    entry, or the shortest range with it that the file can show.
    """
    checkpoint = open_checkpoint(note, verifiers)
    known = [open_checkpoint(earlier_note, verifiers) for earlier_note in earlier]
    reader = _Reader(checkpoint, sorted(known, key=lambda opened: opened.size))
    for line in lines:
        reader.take(_one_line(line))
        progress(reader.frontier.size, checkpoint.size)
    reader.finish()
    return Verified(checkpoint=checkpoint, in_full=reader.in_full)


class _Reader:
    """Rebuilds the tree, entry by entry."""

    def __init__(self, checkpoint: Checkpoint, earlier: list[Checkpoint]) -> None:
        self.checkpoint = checkpoint
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
        elif kind in {"leaf", "hash"}:
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
        if index > expected:
            raise Tampered(f"Entry {expected} is missing: entry {index} is in its place.")
        if index < expected:
            raise Tampered(f"Entry {index} is repeated in the place of entry {expected}.")
        if index >= self.checkpoint.size:
            raise Tampered(f"Entry {index} was added: the checkpoint covers {self.checkpoint.size}.")
        hashed = read_hash(parts[1], f"hash of entry {index}")
        if kind == "leaf":
            if not hmac.compare_digest(leaf_hash(read_base64(parts[2], f"leaf of entry {index}")), hashed):
                raise Tampered(f"Entry {index} was changed: its leaf does not match its hash.")
            self.in_full += 1
        self.frontier, nodes = self.frontier.extend((hashed,), every=EVERY)
        self._nodes = list(nodes[1:])
        if not self._nodes:
            self._compare_earlier()

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


def _one_of(start: int, end: int) -> str:
    return f"Entry {start}" if end - start == 1 else f"One of the entries {start} to {end - 1}"


def _text(lines: Iterator[bytes]) -> str:
    return _one_line(next(lines, b""))


def _one_line(line: bytes) -> str:
    return read_text(line, "line of the log file", limit=MAX_LINE_BYTES).removesuffix("\n")
