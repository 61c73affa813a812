"""Proof files (c2sp.org/tlog-proof@v1): an offline proof of an entry's index in the log, without secrets.

A file contains the index, the inclusion proof and the signed checkpoint, but not the leaf: the verifier needs the
leaf's exact bytes and the log's verifier key. ``extra`` is not authenticated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.encoding import read_base64, read_decimal, read_hash, read_text, write_base64
from vault.tlog.hashing import HASH_BYTES, MAX_SIZE, leaf_hash
from vault.tlog.note import MAX_NOTE_BYTES, Verifier
from vault.tlog.proofs import MAX_PROOF_HASHES, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA_BYTES = 64 * 1024
#: Maximum length: a note, and as much again for the other lines.
MAX_FILE_BYTES = 2 * MAX_NOTE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFile:
    """The content of a proof file. The result of ``parse_proof_file`` is well formed, but not verified."""

    #: From 0.
    index: int
    #: From the leaf's sibling to the root's child.
    hashes: tuple[bytes, ...]
    #: The signed note, as published by the log.
    checkpoint: bytes
    #: Not authenticated; empty for none.
    extra: bytes = b""

    def __post_init__(self) -> None:
        """Check the limits of index, hashes and extra data."""
        if not 0 <= self.index < MAX_SIZE:
            raise ValueError("The index of the proof file is above the maximum size of a tree.")
        if len(self.hashes) > MAX_PROOF_HASHES or any(len(item) != HASH_BYTES for item in self.hashes):
            raise ValueError(
                f"A proof file must have at most {MAX_PROOF_HASHES} hashes of {HASH_BYTES} bytes."
            )
        if len(self.extra) > MAX_EXTRA_BYTES:
            raise ValueError(f"The extra data of the proof file has more than {MAX_EXTRA_BYTES} bytes.")

    def write(self) -> bytes:
        """Encode the file."""
        extra = [f"extra {write_base64(self.extra)}"] if self.extra else []
        hashes = [write_base64(item) for item in self.hashes]
        lines = [HEADER, *extra, f"index {self.index}", *hashes, "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse_proof_file(data: bytes) -> ProofFile:
    """Parse a file; raise Tampered for any other format. The checkpoint is not opened."""
    text = read_text(data, "proof file", limit=MAX_FILE_BYTES)
    head, gap, checkpoint = text.partition("\n\n")
    if not gap or not checkpoint:
        raise Tampered("The proof file has no empty line before its checkpoint.")
    lines = head.split("\n")
    if lines.pop(0) != HEADER:
        raise Tampered("The first line of the proof file is not its version.")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = read_base64(lines.pop(0).removeprefix("extra "), "extra data of the proof file")
        if not extra:
            raise Tampered("The extra line of the proof file is empty.")
    if not lines or not lines[0].startswith("index "):
        raise Tampered("The proof file has no index.")
    index = read_decimal(lines.pop(0).removeprefix("index "), "index of the proof file")
    if len(lines) > MAX_PROOF_HASHES:
        raise Tampered(f"The proof file has more than {MAX_PROOF_HASHES} hashes.")
    hashes = tuple(read_hash(line, "hash of the proof file") for line in lines)
    try:
        return ProofFile(index=index, hashes=hashes, checkpoint=checkpoint.encode(), extra=extra)
    except ValueError as error:
        raise Tampered(str(error)) from None


def verify_proof_file(data: bytes, leaf: bytes, verifiers: Sequence[Verifier]) -> tuple[int, Checkpoint]:
    """Verify a proof for the leaf's exact bytes; return the index, and the checkpoint that covers it.

    Raises Tampered if the file is malformed, the checkpoint is not signed by a known key of its log, or the proof
    does not lead from the leaf to the root.
    """
    proof = parse_proof_file(data)
    checkpoint = open_checkpoint(proof.checkpoint, verifiers)
    verify_inclusion(
        index=proof.index,
        size=checkpoint.size,
        leaf=leaf_hash(leaf),
        root=checkpoint.root,
        proof=proof.hashes,
    )
    return proof.index, checkpoint
