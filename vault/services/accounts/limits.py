"""Read and set the limits of one account."""

from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.limits import LIMIT_NAMES, AccountLimits, OwnLimits
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.account_limiter import AccountLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """An account's limits."""

    #: The limits that hold.
    limits: AccountLimits
    #: Those that an admin has set.
    own: OwnLimits
    #: The highest that an admin can set.
    ceiling: AccountLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of accounts. Other processes apply a change within REFRESH_INTERVAL."""

    database: Database
    clock: Clock
    limiter: AccountLimiter

    async def read(self, account_id: str) -> LimitsView:
        """Return the account's limits."""
        return self._view(await self.database.read(lambda tx: tx.account_limits.get(account_id)))

    async def set(self, account_id: str, own: OwnLimits, *, actor: str) -> LimitsView:
        """Replace the account's own limits. Raises Invalid above the operator's ceiling."""
        for name in LIMIT_NAMES:
            value, highest = getattr(own, name), getattr(self.limiter.ceiling, name)
            if value is not None and value > highest:
                text = Sentence(
                    "%(name)s must be at most %(number)s, which the operator has set for this vault.",
                    name=name,
                    number=highest,
                )
                raise Invalid(text, field=name)

        def change(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            if tx.account_limits.get(account_id) == own:
                return
            tx.account_limits.put(account_id, own)
            tx.events.append(
                AccessEvent(type="account.changed", at=self.clock(), account_id=account_id, actor=actor)
            )

        await self.database.write(change)
        self.limiter.forget()
        return self._view(own)

    def _view(self, own: OwnLimits) -> LimitsView:
        limiter = self.limiter
        return LimitsView(
            limits=own.applied(limiter.default, limiter.ceiling), own=own, ceiling=limiter.ceiling
        )
