"""Checkpoints (c2sp.org/tlog-checkpoint): the signed word of a log about its tree at one size.

The text of the note is three lines: origin, size, root. The origin is the name of the log's key, so
a verifier key alone says which log it speaks for, and a known key cannot speak for another log.
Extension lines, which the specification advises against, are neither written nor read.

A log must never sign a checkpoint that is not an extension of every one it signed before. This
module cannot know those: whoever signs does so from the committed head, after its commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import Tampered
from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from vault.tlog.note import Signer, Verifier, open_note, sign_note
from vault.tlog.spelling import is_name, read_decimal, read_hash, write_base64

_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree of one log, at one size."""

    #: Names the log for ever: a schema-less URL, without spaces or plus.
    origin: str
    #: How many leaves there are.
    size: int
    #: The root over them, 32 bytes.
    root: bytes

    def __post_init__(self) -> None:
        """Refuse what no tree could have."""
        if not is_name(self.origin) or not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise ValueError("A checkpoint has an origin, a size and a root of 32 bytes.")
        if not self.size and self.root != EMPTY_ROOT:
            raise ValueError("A checkpoint of no leaves has the root of the empty tree.")

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note. The signer has the name of the checkpoint's origin."""
    if signer.name != checkpoint.origin:
        raise ValueError("A log signs checkpoints of its own origin.")
    return sign_note(checkpoint.text(), [signer])


def open_checkpoint(data: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Return the checkpoint that a known key of its own log signed; raise Tampered otherwise.

    ``verifiers`` may hold several keys of one name, while a log goes from one key to the next.
    """
    note = open_note(data, verifiers)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin not in {verifier.name for verifier in note.signed_by}:
        raise Tampered("The checkpoint is signed by the key of another log.")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint whose note has been opened; raise Tampered for every other form."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1]:
        raise Tampered("The checkpoint has not exactly three lines.")
    size = read_decimal(lines[1], "size of the checkpoint")
    root = read_hash(lines[2], "root of the checkpoint")
    try:
        return Checkpoint(origin=lines[0], size=size, root=root)
    except ValueError as error:
        raise Tampered(str(error)) from None
