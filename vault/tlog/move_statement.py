"""The statement of a move, which the logs of both vaults sign: from where to where, and what was carried.

    callvault account move v1
    account acct_...
    from <name of the log> <size> <root, base64>
    to <name of the log>
    moved <time>
    carried <table> <rows> <digest>

The first log had ``size`` entries with this root when the account had left. The event ``account.arrived`` of the second
one has the SHA-256 of the signed statement, so the second log commits to the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vault.rfc3339 import write_rfc3339
from vault.tlog.encoding import write_base64


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


def write_move_statement(statement: MoveStatement) -> str:
    """Return the text of the note."""
    lines = [
        "callvault account move v1",
        f"account {statement.account_id}",
        f"from {statement.origin} {statement.size} {write_base64(statement.root)}",
        f"to {statement.destination}",
        f"moved {write_rfc3339(statement.moved_at, 'microseconds')}",
        *(f"carried {name} {rows} {digest}" for name, (rows, digest) in sorted(statement.tables.items())),
    ]
    return "\n".join(lines) + "\n"
