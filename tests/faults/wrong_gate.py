"""Gates and switches as they are often written, and wrong: what checks the switch must find them out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tests.support.gates import with_gate_database
from vault.database.interface import Database
from vault.database.stores.calls.call_state import GateState
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Switch, SwitchChange
from vault.services.service import Vault

T = TypeVar("T")
#: Seconds for which a gate believes what it last read of the switch.
_BELIEVED = 2.5


class _Remembering:
    """A transaction that takes no lock, and says of the switch what was read before it began."""

    def __init__(self, tx: Transaction, switch: Switch, history: Sequence[SwitchChange]) -> None:
        self._tx, self._switch, self._history = tx, switch, history

    @property
    def accounts(self) -> Any:
        """Return this in the place of the accounts."""
        return self

    @property
    def call_state(self) -> Any:
        """Return this in the place of the state of calls."""
        return self

    def at_gate(self, account_id: str, call_ref: str) -> GateState:
        """Return the state with the switch that was read before."""
        return replace(self._tx.call_state.at_gate(account_id, call_ref), switch=self._switch)

    def switch(self, _account_id: str) -> Switch:
        """Return what was read before."""
        return self._switch

    def switch_history(self, _account_id: str) -> Sequence[SwitchChange]:
        """Return what was read before."""
        return self._history

    def lock_account(self, _account_id: str, *, exclusive: bool = False) -> None:
        """Take no lock."""

    def lock_account_and_call(self, account_id: str, call_ref: str) -> None:
        """Take the call's lock alone."""
        self._tx.lock_call(account_id, call_ref)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


@dataclass
class _HastyDatabase:
    """A database whose writes use a switch that was read a moment before, outside of them."""

    database: Database
    account_ref: str
    read_at: float = 0.0
    known: tuple[Switch, Sequence[SwitchChange]] | None = None

    async def write(self, function: Callable[[Any], T], *, urgent: bool = False) -> T:
        """Write, and believe what was read of the switch lately."""
        if time.monotonic() - self.read_at > _BELIEVED:
            self.read_at = time.monotonic()
            self.known = await self.database.read(self._look)
        if (known := self.known) is None:
            return await self.database.write(function, urgent=urgent)
        return await self.database.write(lambda tx: function(_Remembering(tx, *known)), urgent=urgent)

    def _look(self, tx: Transaction) -> tuple[Switch, Sequence[SwitchChange]] | None:
        account = tx.accounts.find(self.account_ref)
        if account is None:
            return None
        return tx.accounts.switch(account.id), tx.accounts.switch_history(account.id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


@dataclass(frozen=True)
class _FlagAlone:
    """A switch that sets its flag, and leaves what is in flight to the gate."""

    database: Database

    async def set(self, account_id: str, *, enabled: bool, reason: str | None, actor: str) -> Switch:
        """Set the flag."""

        def change(tx: Transaction) -> Switch:
            tx.lock_account(account_id, exclusive=True)
            return tx.accounts.set_switch(account_id, enabled=enabled, at=tx.now(), by=actor, reason=reason)

        return await self.database.write(change, urgent=True)


def with_hasty_gate(vault: Vault, account_ref: str) -> Vault:
    """Return a vault whose gate keeps the switch in a cache, and whose switch is a flag alone."""
    hasty = _HastyDatabase(vault.database, account_ref)
    flag: Any = _FlagAlone(vault.database)
    return replace(with_gate_database(vault, hasty), accounts=replace(vault.accounts, switch=flag))
