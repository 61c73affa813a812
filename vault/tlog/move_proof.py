"""Verify a move offline: from the log where the account was, across the signed statement, into the log where it is.

old log     complete up to what the statement names; its ``account.moved`` commits to the rows that were carried
statement   signed by the keys of both logs
receipt     signed by the key of the old log, whose ``account.keys_destroyed`` commits to it
new log     complete; its ``account.arrived`` commits to the statement, and no entry of the account is before it
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vault.errors import Tampered
from vault.tlog.destruction_receipt import DestructionReceipt, open_receipt
from vault.tlog.log_file import read_head, verify_log
from vault.tlog.move_statement import MoveStatement, open_move_statement, rows_digest
from vault.tlog.note import Verifier

_MOVED: Final = "account.moved"
_ARRIVED: Final = "account.arrived"
_DESTROYED: Final = "account.keys_destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """The entries of the account in one of the two logs."""

    #: The key of the log.
    verifier: Verifier
    #: The number of entries in the whole log.
    size: int
    #: The index of ``account.moved``, or of ``account.arrived``.
    index: int
    #: The number of entries of the account up to the move in the old log; from it on in the new one.
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMove:
    """A move whose every part is verified."""

    statement: MoveStatement
    old: LogPart
    new: LogPart
    #: None if no receipt was to be verified.
    destroyed: DestructionReceipt | None


@dataclass(slots=True)
class _Leaves:
    """Collects of one account's leaves their indexes, and the evidence in those of some types."""

    account_id: str
    types: frozenset[str]
    indexes: list[int] = field(default_factory=list)
    #: By the index: the leaf's type, and what it has as evidence.
    evidence: dict[int, tuple[str, str]] = field(default_factory=dict)

    def take(self, index: int, leaf: bytes) -> None:
        """Read a leaf that may be another account's."""
        event = _event(index, leaf)
        if event.get("account") != self.account_id:
            return
        self.indexes.append(index)
        if (type_ := event.get("type")) in self.types:
            self.evidence[index] = type_, str(event.get("evidence"))

    def require(self, type_: str, digest: str, what: str) -> int:
        """Return the index of the leaf of this type with this digest as evidence. Raises Tampered."""
        for index, (found, evidence) in self.evidence.items():
            if found == type_ and hmac.compare_digest(evidence.encode(), digest.encode()):
                return index
        raise Tampered(f"{what} has no entry {type_} of this move.")


def verify_move(
    note: bytes,
    before: Iterator[bytes],
    after: Iterator[bytes],
    *,
    old_key: Verifier | None = None,
    new_key: Verifier | None = None,
    receipt: bytes | None = None,
) -> VerifiedMove:
    """Verify a signed statement with the lines of an export of each log, and the receipt of the first vault's end.

    Without a key, the one that the export names is used: compare it with one from a trusted source. Raises Tampered;
    Invalid for an account's export of the old log that cannot be compared at the size that the statement names.
    """
    old_head, new_head = read_head(before), read_head(after)
    origin, destination = old_key or old_head.verifier, new_key or new_head.verifier
    statement = open_move_statement(note, origin=origin, destination=destination)
    left = _Leaves(statement.account_id, frozenset({_MOVED, _DESTROYED}))
    old = verify_log(
        before, old_head.note, [origin], version=old_head.version, heads=[statement.head], take=left.take
    )
    moved = left.require(_MOVED, rows_digest(statement.tables), "The old log")
    if moved >= statement.size:
        raise Tampered("The account left after the size of the old log that the statement names.")
    came = _Leaves(statement.account_id, frozenset({_ARRIVED}))
    new = verify_log(after, new_head.note, [destination], version=new_head.version, take=came.take)
    arrived = came.require(_ARRIVED, hashlib.sha256(note).hexdigest(), "The new log")
    if came.indexes[0] != arrived:
        raise Tampered(f"Entry {came.indexes[0]} of the new log is of the account, and before its arrival.")
    return VerifiedMove(
        statement=statement,
        old=LogPart(
            verifier=origin,
            size=old.checkpoint.size,
            index=moved,
            entries=sum(index <= moved for index in left.indexes),
        ),
        new=LogPart(verifier=destination, size=new.checkpoint.size, index=arrived, entries=len(came.indexes)),
        destroyed=None if receipt is None else _destroyed(receipt, note, statement, left, origin),
    )


def _destroyed(
    receipt: bytes, note: bytes, statement: MoveStatement, left: _Leaves, origin: Verifier
) -> DestructionReceipt:
    found = open_receipt(receipt, log=origin)
    of_move = (statement.account_id, hashlib.sha256(note).hexdigest())
    if (found.account_id, found.statement) != of_move:
        raise Tampered("The receipt is of another move.")
    left.require(_DESTROYED, hashlib.sha256(receipt).hexdigest(), "The old log")
    return found


def _event(index: int, leaf: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(leaf)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise Tampered(f"Entry {index} is not an access event.")
    return event
