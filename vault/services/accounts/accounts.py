"""Open, change, find and list accounts; read and set the limits of one."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Account
from vault.domain.accounts.limits import LIMIT_NAMES, AccountLimits, OwnLimits
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.errors import AccountClosed, Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.sealing.keys import KEY_BYTES
from vault.sealing.wrapping import wrap
from vault.sentence import Sentence
from vault.services.shared.account_limiter import AccountLimiter

_REF = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Find, list, open and change accounts."""

    database: Database
    ring: KeyRing
    clock: Clock
    #: The region of this vault: the only one in which an account can be here. None: accounts have none.
    region: str | None

    async def find(self, ref_or_id: str) -> Account:
        """Find the account that a URL names, by name or id. Raises NotFound."""
        found = await self.database.read(lambda tx: tx.accounts.find(ref_or_id))
        if found is None:
            raise NotFound("There is no such account.")
        return found

    async def list(self, bound_to: str | None, *, after: str | None, limit: int) -> Sequence[Account]:
        """List all accounts, or only the one that an API key is bound to.

        Return the accounts after the name ``after``, ordered by name.
        """
        if bound_to is None:
            return await self.database.read(lambda tx: tx.accounts.page(after=after, limit=limit))
        own = await self.database.read(lambda tx: tx.accounts.find(bound_to))
        return [] if own is None or (after is not None and own.ref <= after) else [own]

    async def open(
        self, ref: str, *, name: str | None, locale: str | None, region: str | None = None, actor: str
    ) -> tuple[Account, bool]:
        """Open an account, or change its name and locale. A new account has its recording switch on (opt-out).

        Return the account and whether it is new. Raises AccountClosed, and Invalid for a ``ref`` that is not allowed
        in URLs or another ``region`` than this vault's.
        """
        if region not in {None, self.region}:
            raise Invalid(
                Sentence("This vault is in the region %(region)s.", region=self.region)
                if self.region
                else "This vault is in no region: its operator has set none.",
                field="region",
            )
        found = await self.database.read(lambda tx: tx.accounts.find(ref))
        if found is None:
            try:
                return await self._insert(ref, name or ref, locale or "en", actor), True
            except Refused:
                # A concurrent request opened it first.
                found = await self.database.read(lambda tx: tx.accounts.find(ref))
                if found is None:
                    raise
        known = found.id
        return await self.database.write(lambda tx: self._rename(tx, known, name, locale, actor)), False

    async def open_new(self, ref: str, *, name: str | None, locale: str | None, actor: str) -> Account:
        """Open an account that there is not. Raises Invalid for one that there is, or is not allowed in URLs."""
        if await self.database.read(lambda tx: tx.accounts.find(ref)) is not None:
            raise Invalid("There is an account of this name.", field="account")
        return await self._insert(ref, name or ref, locale or "en", actor)

    async def _insert(self, ref: str, name: str, locale: str, actor: str) -> Account:
        if not _REF.fullmatch(ref) or ref.startswith("acct_"):
            raise Invalid(
                "account must be 1 to 64 lowercase letters, digits, dots, dashes or underscores, must begin and end "
                "with a letter or digit, and must not begin with acct_.",
                field="account",
            )
        now = self.clock()
        account = Account(
            id=new_id("acct"), ref=ref, name=name, locale=locale, opened_at=now, region=self.region
        )
        first, wrapped = await self.ring.create(account.id)
        index_key = wrap(first.key, secrets.token_bytes(KEY_BYTES), bound.of_index_key(account.id))
        event = AccessEvent(type="account.opened", at=now, account_id=account.id, actor=actor)

        def insert(tx: Transaction) -> None:
            if tx.account_moves.is_arriving(ref):
                text = "An account of this name comes from another vault. Choose another name."
                raise Refused(text, reasons=("name_arrives",), field="account")
            tx.accounts.insert(account, wrapped_key=wrapped, wrapped_index_key=index_key)
            tx.events.append(event)

        await self.database.write(insert)
        return account

    def _rename(
        self, tx: Transaction, account_id: str, name: str | None, locale: str | None, actor: str
    ) -> Account:
        # Read under the lock: concurrent changes of name and locale must not undo each other.
        tx.lock_account(account_id, exclusive=True)
        before = tx.accounts.find(account_id)
        if before is None:
            raise NotFound("There is no such account.")
        after = replace(
            before,
            name=name or before.name,
            locale=locale or before.locale,
            region=before.region or self.region,
        )
        if after != before:
            if tx.closures.has_begun(account_id):
                raise AccountClosed
            tx.accounts.rename(after.id, name=after.name, locale=after.locale, region=after.region)
            tx.events.append(
                AccessEvent(type="account.changed", at=self.clock(), account_id=after.id, actor=actor)
            )
        return after


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
