"""Anchor files: a signed checkpoint with the last leaves that it covers (FORMAT.md, section 7.1).

Together with the published tiles of the first ``start`` leaves, an anchor has the whole log of its checkpoint. It
includes the peaks of those leaves, so that its own leaves can be verified against the root without the tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.encoding import read_base64, read_decimal, read_hash, write_base64
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import Verifier
from vault.tlog.tiles import read_bundle, write_bundle
from vault.tlog.tree import Frontier

_HEADER = "callvault-anchor/v1"
#: Maximum number of leaves in an anchor; if more are missing in the tiles, the log is published first.
MAX_LEAVES = 1024
#: Maximum size of those leaves in bytes, so that an anchor is a small object; one leaf always fits.
MAX_BYTES = 640 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorFile:
    """The content of an anchor; its leaves are verified against the signed root."""

    checkpoint: Checkpoint
    #: The exact bytes of the signed note.
    note: bytes
    #: The right edge of the tree of the first ``start`` leaves, which are in the published tiles.
    frontier: Frontier
    #: The leaves from ``start`` to the size of the checkpoint.
    leaves: tuple[bytes, ...]

    @property
    def start(self) -> int:
        """Return the number of leaves in the published tiles."""
        return self.frontier.size

    def root_at(self, size: int) -> bytes:
        """Return the root of this tree at a size from ``start`` to the size of the checkpoint."""
        if not self.start <= size <= self.checkpoint.size:
            raise ValueError("The size is outside the leaves of the anchor.")
        hashes = map(leaf_hash, self.leaves[: size - self.start])
        return self.frontier.extend(hashes)[0].root()


def encode_anchor(note: bytes, frontier: Frontier, leaves: Sequence[bytes]) -> bytes:
    """Encode an anchor: lines of text, an empty line, and the leaves as a bundle."""
    lines = [_HEADER, f"checkpoint {write_base64(note)}", f"start {frontier.size}"]
    lines += [f"peak {write_base64(peak)}" for peak in frontier.peaks]
    return "\n".join([*lines, "", ""]).encode() + write_bundle(leaves)


def decode_anchor(data: bytes, verifiers: Sequence[Verifier]) -> AnchorFile:
    """Decode and verify an anchor. Raises Tampered for another format, another log's note, or other leaves."""
    text, blank, bundle = data.partition(b"\n\n")
    lines = text.decode("ascii", "replace").split("\n")
    named = [line.partition(" ")[::2] for line in lines[1:]]
    kinds = [kind for kind, _ in named]
    if not blank or lines[0] != _HEADER or kinds != ["checkpoint", "start", *["peak"] * (len(kinds) - 2)]:
        raise Tampered("The object is not an anchor of this version.")
    note = read_base64(named[0][1], "checkpoint of the anchor")
    checkpoint = open_checkpoint(note, verifiers)
    start = read_decimal(named[1][1], "start of the anchor")
    peaks = tuple(read_hash(value, "peak of the anchor") for _, value in named[2:])
    leaves = tuple(read_bundle(bundle))
    if start.bit_count() != len(peaks) or start + len(leaves) != checkpoint.size:
        raise Tampered("The peaks or leaves of the anchor do not match the size of its checkpoint.")
    frontier = Frontier(size=start, peaks=peaks)
    anchor = AnchorFile(checkpoint=checkpoint, note=note, frontier=frontier, leaves=leaves)
    if anchor.root_at(checkpoint.size) != checkpoint.root:
        raise Tampered("The leaves of the anchor do not match the root of its checkpoint.")
    return anchor
