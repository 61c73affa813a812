"""The statement of a move, which the logs of both vaults sign: from where to where, and what was carried.

    callvault account move v1
    account acct_...
    from <name of the log> <size> <root, base64>
    to <name of the log>
    moved <time>
    carried <table> <rows> <digest>

The first log had ``size`` entries with this root when the account had left; its event ``account.moved`` has the digest
of what was carried. The event ``account.arrived`` of the second one has the SHA-256 of the signed statement, so the
second log commits to the first.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from re import compile as pattern
from typing import Final

from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.tlog.checkpoint import Checkpoint
from vault.tlog.encoding import read_decimal, read_hash, write_base64
from vault.tlog.note import Verifier, open_note

_FIRST: Final = "callvault account move v1"
_TABLE: Final = pattern(r"[a-z][a-z0-9_]{0,62}")
_DIGEST: Final = pattern(r"[0-9a-f]{64}")
#: Lines before those of the tables.
_LINES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStatement:
    """What both vaults say of a move."""

    account_id: str
    #: The name of the log where the account was, its size, and its root.
    origin: str
    size: int
    root: bytes
    #: The name of the log where the account is.
    destination: str
    moved_at: datetime
    #: By the name of the table: how many rows were carried, and their digest.
    tables: Mapping[str, tuple[int, str]]

    @property
    def head(self) -> Checkpoint:
        """Return size and root of the log where the account was."""
        return Checkpoint(origin=self.origin, size=self.size, root=self.root)


def rows_digest(tables: Mapping[str, tuple[int, str]]) -> str:
    """Return the SHA-256 of the rows and digests of tables, in hexadecimal: the evidence of ``account.moved``."""
    text = json.dumps({name: [rows, digest] for name, (rows, digest) in tables.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_move_statement(data: bytes, *, origin: Verifier, destination: Verifier) -> MoveStatement:
    """Return the statement, if the keys of both its logs signed it. Raises Tampered."""
    note = open_note(data, [origin, destination])
    statement = parse_move_statement(note.text)
    if (statement.origin, statement.destination) != (origin.name, destination.name):
        raise Tampered(f"The statement is of a move from {statement.origin} to {statement.destination}.")
    if missing := {origin, destination} - set(note.signed_by):
        names = " and ".join(sorted(one.name for one in missing))
        raise Tampered(f"The statement has no signature of {names}.")
    return statement


def parse_move_statement(text: str) -> MoveStatement:
    """Return the statement of a text that is not verified. Raises Tampered for any other encoding."""
    lines = text.split("\n")
    if len(lines) <= _LINES or lines[0] != _FIRST:
        raise _not_one()
    (account_id,) = _fields(lines[1], "account", 1)
    origin, size, root = _fields(lines[2], "from", 3)
    (destination,) = _fields(lines[3], "to", 1)
    (moved,) = _fields(lines[4], "moved", 1)
    try:
        statement = MoveStatement(
            account_id=account_id,
            origin=origin,
            size=read_decimal(size, "size of the statement"),
            root=read_hash(root, "root of the statement"),
            destination=destination,
            moved_at=parse_rfc3339(moved),
            tables=_tables(lines[_LINES:-1]),
        )
        is_same = bool(statement.head) and write_move_statement(statement) == text
    except ValueError:
        is_same = False
    if not is_same:
        raise _not_one()
    return statement


def _tables(lines: Sequence[str]) -> Mapping[str, tuple[int, str]]:
    tables = {}
    for line in lines:
        name, rows, digest = _fields(line, "carried", 3)
        if not _TABLE.fullmatch(name) or not _DIGEST.fullmatch(digest):
            raise _not_one()
        tables[name] = (read_decimal(rows, "rows of the statement"), digest)
    return tables


def _fields(line: str, label: str, count: int) -> list[str]:
    word, *fields = line.split(" ")
    if word != label or len(fields) != count or not all(fields):
        raise _not_one()
    return fields


def _not_one() -> Tampered:
    return Tampered("The note is not a statement about the move of an account.")


def write_move_statement(statement: MoveStatement) -> str:
    """Return the text of the note."""
    lines = [
        _FIRST,
        f"account {statement.account_id}",
        f"from {statement.origin} {statement.size} {write_base64(statement.root)}",
        f"to {statement.destination}",
        f"moved {write_rfc3339(statement.moved_at, 'microseconds')}",
        *(f"carried {name} {rows} {digest}" for name, (rows, digest) in sorted(statement.tables.items())),
    ]
    return "\n".join(lines) + "\n"
