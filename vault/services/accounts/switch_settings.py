"""Set and read the recording switch: its effect begins with the commit of the transaction that sets it.

What it forbids is decided in vault/domain/admission/decision.py, at call start, receipt and the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.page import PAGE
from vault.errors import NotFound, Refused, Unavailable
from vault.services.lifecycle.set_switch import set_switch
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSettings:
    """Set and read the recording switch of an account, and its history."""

    database: Database
    data_keys: AccountDataKeys

    async def set(self, account_id: str, *, enabled: bool, reason: str | None, actor: str) -> Switch:
        """Switch recording on or off for an account.

        After a switch to off returns, no recording becomes available until the switch is on again, and every recording
        in progress is refused permanently, its key deleted. The account's exclusive lock is taken first; a gate,
        which holds the shared lock, has either committed before or reads the new value.

        Return the switch after the commit. Setting it to its current value changes nothing.

        Raises Refused for a closed account, Unavailable if the reason cannot be sealed; switching off works without the
        reason instead.
        """
        sealed = await self._sealed(account_id, reason, enabled=enabled)

        def change(tx: Transaction) -> Switch:
            tx.lock_account(account_id, exclusive=True)
            if enabled and tx.closures.has_begun(account_id):
                raise Refused("The account is closed, so recording stays off.", reasons=("account_closed",))
            after = set_switch(tx, account_id, enabled=enabled, reason=sealed, at=tx.now(), actor=actor)
            if after is None and not enabled:
                tx.closing_acts.recall(account_id, "switch.changed")
            return after or tx.accounts.switch(account_id)

        return await self.database.write(change, urgent=True)

    async def _sealed(self, account_id: str, reason: str | None, *, enabled: bool) -> str | None:
        try:
            return await self.data_keys.seal_words(account_id, "switch-reason", reason)
        except (Unavailable, NotFound):
            if enabled:
                raise
            _LOG.warning("switch.reason_not_kept", account_id=account_id)
            return None

    async def read(self, account_id: str) -> Switch:
        """Return the current switch."""
        return await self.database.read(lambda tx: tx.accounts.switch(account_id))

    async def history(
        self, account_id: str, *, start: int = 0, limit: int = PAGE, newest_first: bool = False
    ) -> Sequence[SwitchChange]:
        """Return a page of the changes after the first ``start``, oldest first unless ``newest_first``."""
        history = await self.database.read(
            lambda tx: tx.accounts.switch_changes(
                account_id, start=start, limit=limit, newest_first=newest_first
            )
        )
        return [
            replace(
                change, reason=await self.data_keys.open_words(account_id, "switch-reason", change.reason)
            )
            async for change in paced(history)
        ]
