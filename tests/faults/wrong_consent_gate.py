"""Gates that hear a no too late, each wrong in one way: what checks consent must find them out.

Every one of them, and the right one beside them, rests for a moment between its decision and its change,
and again before its commit: what a busy machine may put there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from tests.support.gates import with_gate_database
from vault.database.interface import Database
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.services.service import Vault

T = TypeVar("T")
#: Seconds between decision and change, and between change and commit.
_REST = 0.05


class RightGate:
    """The gate's transaction as it is, on a machine that takes its time."""

    def __init__(self, tx: Transaction, _known: Sequence[ObjectionRow]) -> None:
        """Wrap a transaction; some gates use objections that were read before it began."""
        self._tx = tx

    @property
    def connection(self) -> Any:
        """Rest, and return the connection; the lifecycle asks for it when the gate has decided."""
        time.sleep(_REST)
        return self._tx.connection

    @property
    def recordings(self) -> Any:
        """Return the recordings, after whose indexing the commit is slow to come."""
        return _SlowRecordings(self._tx.recordings)

    def lock_account_and_call(self, account_id: str, call_ref: str) -> None:
        """Take both locks, each as this gate does."""
        self.lock_account(account_id)
        self.lock_call(account_id, call_ref)

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Take the account's lock."""
        self._tx.lock_account(account_id, exclusive=exclusive)

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Take the call's lock."""
        self._tx.lock_call(account_id, call_ref)

    def __getattr__(self, name: str) -> Any:
        """Return everything else as it is."""
        return getattr(self._tx, name)


class WithoutAccountLock(RightGate):
    """It leaves out the account's lock."""

    def lock_account(self, _account_id: str, *, exclusive: bool = False) -> None:
        """Take no lock."""


class WithoutCallLock(RightGate):
    """It leaves out the call's lock."""

    def lock_call(self, _account_id: str, _call_ref: str) -> None:
        """Take no lock."""


class DecidingFirst(RightGate):
    """It decides, and takes its locks then."""

    def __init__(self, tx: Transaction, known: Sequence[ObjectionRow]) -> None:
        """Wrap a transaction."""
        super().__init__(tx, known)
        self._locks: list[Callable[[], None]] = []

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Take the lock later."""
        self._locks.append(partial(self._tx.lock_account, account_id, exclusive=exclusive))

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Take the lock later."""
        self._locks.append(partial(self._tx.lock_call, account_id, call_ref))

    @property
    def connection(self) -> Any:
        """Rest, take the locks, and return the connection."""
        time.sleep(_REST)
        while self._locks:
            self._locks.pop(0)()
        return self._tx.connection


class BelievingTheList(RightGate):
    """It believes what it read of the list of objections before its transaction began."""

    def __init__(self, tx: Transaction, known: Sequence[ObjectionRow]) -> None:
        """Wrap a transaction."""
        super().__init__(tx, known)
        self._known = known

    @property
    def objections(self) -> Any:
        """Return what was read before in the place of the list."""
        return _ListReadBefore(self._tx.objections, self._known)


@dataclass
class _ListReadBefore:
    """The objections; those of a call are taken from what was read before."""

    objections: Any
    known: Sequence[ObjectionRow]

    def of_call(
        self, _account_id: str, _call_ref: str, terms: Sequence[bytes] = ()
    ) -> Sequence[ObjectionRow]:
        """Return what was read before of these numbers."""
        return [row for row in self.known if row.term in terms]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objections, name)


@dataclass
class _SlowRecordings:
    """The recordings; the gate indexes an admitted one last, and after that the commit is slow to come."""

    recordings: Any

    def index(self, *arguments: Any) -> None:
        """Index, and rest."""
        self.recordings.index(*arguments)
        time.sleep(_REST)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recordings, name)


@dataclass
class _GatedDatabase:
    """A database that lets the gate's transaction see what ``gate`` makes of it; all else is as it was."""

    database: Database
    account_ref: str
    gate: type[RightGate]
    passed: int = field(default=0)

    async def write(self, function: Callable[[Any], T], *, urgent: bool = False) -> T:
        """Write."""
        if not (isinstance(function, partial) and function.func.__name__ == "gate"):
            return await self.database.write(function, urgent=urgent)
        known = await self.database.read(self._list)
        self.passed += 1
        return await self.database.write(lambda tx: function(self.gate(tx, known)), urgent=urgent)

    def _list(self, tx: Transaction) -> Sequence[ObjectionRow]:
        account = tx.accounts.find(self.account_ref)
        return [] if account is None else tx.objections.page(account.id, after=None, limit=10_000)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


def with_gate(vault: Vault, account_ref: str, gate: type[RightGate]) -> Vault:
    """Return a vault with another gate."""
    return with_gate_database(vault, _GatedDatabase(vault.database, account_ref, gate))
