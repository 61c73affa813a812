"""The receipt of the vault where an account was: its keys are destroyed there, and its objects deleted.

    callvault account destruction v1
    account acct_...
    log <name of the log>
    statement <SHA-256 of the signed statement of the move, hexadecimal>
    destroyed <time>
    locked <objects that a lock of the store keeps>

The event ``account.keys_destroyed`` of that log has the SHA-256 of the signed receipt. What a lock keeps cannot be
decrypted any more.
"""

from dataclasses import dataclass
from datetime import datetime
from re import compile as pattern
from typing import Final

from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.tlog.encoding import read_decimal
from vault.tlog.note import Verifier, open_note

_FIRST: Final = "callvault account destruction v1"
_DIGEST: Final = pattern(r"[0-9a-f]{64}")
_LABELS: Final = ("account", "log", "statement", "destroyed", "locked")


@dataclass(frozen=True, slots=True, kw_only=True)
class DestructionReceipt:
    """What the vault where an account was says of its rest."""

    account_id: str
    #: The name of the log.
    log: str
    #: SHA-256 of the signed statement of the move, in hexadecimal.
    statement: str
    destroyed_at: datetime
    #: Objects that a lock of the store keeps; nothing else is left.
    locked: int


def write_receipt(receipt: DestructionReceipt) -> str:
    """Return the text of the note."""
    values = (
        receipt.account_id, receipt.log, receipt.statement,
        write_rfc3339(receipt.destroyed_at, "microseconds"), receipt.locked,
    )  # fmt: skip
    lines = [f"{label} {value}" for label, value in zip(_LABELS, values, strict=True)]
    return "\n".join([_FIRST, *lines]) + "\n"


def open_receipt(data: bytes, *, log: Verifier) -> DestructionReceipt:
    """Return the receipt, if the log's key signed it. Raises Tampered."""
    receipt = parse_receipt(open_note(data, [log]).text)
    if receipt.log != log.name:
        raise Tampered(f"The receipt is of the log {receipt.log}.")
    return receipt


def parse_receipt(text: str) -> DestructionReceipt:
    """Return the receipt of a text that is not verified. Raises Tampered for any other encoding."""
    first, *lines = text.split("\n")
    found = [line.split(" ", 1) for line in lines[:-1]]
    if first != _FIRST or [one[0] for one in found] != list(_LABELS) or any(len(one) != 2 for one in found):  # noqa: PLR2004 - label and value
        raise _not_one()
    account_id, log, statement, destroyed, locked = (value for _, value in found)
    try:
        receipt = DestructionReceipt(
            account_id=account_id,
            log=log,
            statement=statement,
            destroyed_at=parse_rfc3339(destroyed),
            locked=read_decimal(locked, "number of locked objects"),
        )
    except ValueError:
        raise _not_one() from None
    if not _DIGEST.fullmatch(statement) or write_receipt(receipt) != text:
        raise _not_one()
    return receipt


def _not_one() -> Tampered:
    return Tampered("The note is not a receipt about the keys of an account that moved.")
