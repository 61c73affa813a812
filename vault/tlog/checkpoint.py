"""Checkpoints (c2sp.org/tlog-checkpoint): a log's signed statement of its tree at one size.

The text of the note is three lines: origin, size, root. The origin is the name of the log's key, so a verifier key
identifies its log, and a known key cannot sign for another log. Extension lines, which the specification advises
against, are neither written nor accepted.

A log must never sign a checkpoint that is inconsistent with one it signed before. This module cannot check that:
callers sign only the committed head, after its commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import Tampered
from vault.tlog.encoding import is_name, read_decimal, read_hash, write_base64
from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from vault.tlog.note import Signer, Verifier, open_note, sign_note

_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree of one log, at one size."""

    #: The permanent name of the log: a URL without scheme, without spaces or plus.
    origin: str
    #: Number of leaves.
    size: int
    #: 32 bytes.
    root: bytes

    def __post_init__(self) -> None:
        """Check the fields."""
        if not is_name(self.origin) or not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise ValueError("A checkpoint must have an origin, a size and a root of 32 bytes.")
        if not self.size and self.root != EMPTY_ROOT:
            raise ValueError("A checkpoint of size 0 must have the root of the empty tree.")

    def text(self) -> str:
        """Return the text to sign."""
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note. The signer's name must be the checkpoint's origin."""
    if signer.name != checkpoint.origin:
        raise ValueError("The signer's name is not the checkpoint's origin.")
    return sign_note(checkpoint.text(), [signer])


def open_checkpoint(data: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Return the checkpoint, if a known key of its own log signed it; raise Tampered otherwise.

    ``verifiers`` may have several keys with one name, during the rotation of a log's key.
    """
    note = open_note(data, verifiers)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin not in {verifier.name for verifier in note.signed_by}:
        raise Tampered("The checkpoint is signed by the key of another log.")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse the text of an opened note as a checkpoint; raise Tampered for any other format."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1]:
        raise Tampered("The checkpoint does not have exactly three lines.")
    size = read_decimal(lines[1], "size of the checkpoint")
    root = read_hash(lines[2], "root of the checkpoint")
    try:
        return Checkpoint(origin=lines[0], size=size, root=root)
    except ValueError as error:
        raise Tampered(str(error)) from None
