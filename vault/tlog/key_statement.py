"""Statements about a retired key version: a log's signed statement that nothing is encrypted under it any more.

A statement is a signed note (c2sp.org/signed-note) by the key of the log. Its text is seven lines:

    <origin of the log>
    key-statement/v1
    <whose key it was: an account's id, or the vault's for its root key>
    version <number>
    recordings 0
    <time, RFC 3339 in UTC with microseconds>
    size <number of leaves in the log at that time>

The second line is not a number, so that a statement cannot be parsed as a checkpoint of the same key. The log has
the same statement as a leaf, ``key.rewrapped``, at an index that is not below the size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.tlog.encoding import is_name, read_decimal
from vault.tlog.hashing import MAX_SIZE
from vault.tlog.note import Signer, Verifier, open_note, sign_note

FORMAT: Final = "key-statement/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatement:
    """The number of recordings under a key version when it was retired, which is 0."""

    #: The name of the log whose key signs it.
    origin: str
    #: An account's id, or the vault's.
    owner: str
    version: int
    #: Counted in the transaction that destroyed the version.
    recordings: int
    at: datetime
    #: Leaves of the log at its last commit before.
    size: int

    def __post_init__(self) -> None:
        """Check the fields."""
        named = is_name(self.origin) and is_name(self.owner) and self.at.tzinfo is not None
        if not named or self.version < 1 or self.recordings < 0 or not 0 <= self.size <= MAX_SIZE:
            raise ValueError("A statement must have a log, an owner, a version, a count, a time and a size.")

    def text(self) -> str:
        """Return the text to sign."""
        lines = (
            self.origin,
            FORMAT,
            self.owner,
            f"version {self.version}",
            f"recordings {self.recordings}",
            write_rfc3339(self.at, "microseconds"),
            f"size {self.size}",
        )
        return "".join(f"{line}\n" for line in lines)


def sign_statement(statement: KeyStatement, signer: Signer) -> bytes:
    """Return the signed note. The signer's name must be the statement's origin."""
    if signer.name != statement.origin:
        raise ValueError("The signer's name is not the statement's origin.")
    return sign_note(statement.text(), [signer])


def open_statement(data: bytes, verifiers: Sequence[Verifier]) -> KeyStatement:
    """Return the statement, if a known key of its own log signed it; raise Tampered otherwise."""
    note = open_note(data, verifiers)
    statement = _parse(note.text)
    if statement.origin not in {verifier.name for verifier in note.signed_by}:
        raise Tampered("The statement is signed by the key of another log.")
    return statement


def _parse(text: str) -> KeyStatement:
    try:
        origin, form, owner, version, recordings, at, size, end = text.split("\n")
        statement = KeyStatement(
            origin=origin,
            owner=owner,
            version=_number(version, "version"),
            recordings=_number(recordings, "recordings"),
            at=parse_rfc3339(at),
            size=_number(size, "size"),
        )
    except ValueError:
        raise Tampered("The note is not a statement about a key.") from None
    if form != FORMAT or end or statement.text() != text:
        raise Tampered("The note is not a statement about a key.")
    return statement


def _number(line: str, label: str) -> int:
    word, _, number = line.partition(" ")
    if word != label:
        raise Tampered("The note is not a statement about a key.")
    return read_decimal(number, f"{label} of the statement")
