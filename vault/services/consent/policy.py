"""An account's consent policy: what it asks for on top of the law, and what becomes of missing evidence."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.rules.rules import RuleBook, RuleOverride
from vault.errors import Busy, Invalid, Refused
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.words import SEALED_WORDS
from vault.services.shared.account_data_keys import AccountDataKeys

_KEYS = frozenset("0123456789*#")
_MAX_QUARANTINE_DAYS = 365
#: How often a change is made again because another came in between.
_ATTEMPTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPolicy:
    """Change the policy. It changes under the account's exclusive lock, and every version is kept."""

    database: Database
    carried: AccountDataKeys
    rule_book: RuleBook
    clock: Clock

    async def __call__(
        self, account_id: str, wanted: ConsentPolicy, *, if_version: int | None, actor: str
    ) -> ConsentPolicy:
        """Return the policy as it stands. Setting it to what it is changes nothing.

        Raises Invalid, and Refused where it is no longer at ``if_version``.
        """
        return await self.merge(account_id, lambda _: wanted, if_version=if_version, actor=actor)

    async def merge(
        self,
        account_id: str,
        change: Callable[[ConsentPolicy], ConsentPolicy],
        *,
        if_version: int | None,
        actor: str,
    ) -> ConsentPolicy:
        """Return the policy after ``change`` of the one before it: two changes at the same time both count.

        Raises Invalid, Refused where it is no longer at ``if_version``, and Busy where others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            # Sealing asks the key service, so it is not done under the lock: what is written then must still
            # follow the version that was read.
            before = await self.database.read(lambda tx: tx.policies.current(account_id))
            if if_version is not None and before.version != if_version:
                raise Refused("The policy was changed in the meantime.", reasons=("changed",))
            wanted = change(await open_policy(self.carried, account_id, before))
            check(wanted, self.rule_book)
            sealed = await self._sealed(account_id, wanted, before)
            written = await self.database.write(
                partial(_write, account_id, sealed, before, actor), urgent=True
            )
            if written is not None:
                return await open_policy(self.carried, account_id, written)
        raise Busy("Others change this policy at the same time. Send it again.", retry_after=1)

    async def _sealed(self, account_id: str, wanted: ConsentPolicy, before: ConsentPolicy) -> ConsentPolicy:
        """Seal the reasons. One that is the same as before keeps its ciphertext, so that nothing changes."""
        kept = [one for one in _reasons(before) if one is not None and one.startswith(SEALED_WORDS)]
        known = {await self.carried.open_words(account_id, "policy-reason", one): one for one in kept}

        async def seal(reason: str | None) -> str | None:
            return known.get(reason) or await self.carried.seal_words(account_id, "policy-reason", reason)

        return await _with_reasons(wanted, seal)


def _write(
    account_id: str, sealed: ConsentPolicy, before: ConsentPolicy, actor: str, tx: Transaction
) -> ConsentPolicy | None:
    """Add the version after ``before``; None where another came in between."""
    tx.lock_account(account_id, exclusive=True)
    if tx.policies.current(account_id).version != before.version:
        return None
    now = tx.now()
    signed = replace(
        sealed,
        version=before.version + 1,
        changed_at=now,
        changed_by=actor,
        overrides=tuple(_signed(one, before.overrides, actor, now) for one in sealed.overrides),
    )
    if _content(signed) == _content(before):
        return before
    tx.policies.add(account_id, signed)
    tx.events.append(AccessEvent(type="policy.changed", at=now, account_id=account_id, actor=actor))
    return signed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """Say what the policy is, and what it was."""

    database: Database
    carried: AccountDataKeys

    async def __call__(self, account_id: str) -> ConsentPolicy:
        """Return the policy as it stands."""
        current = await self.database.read(lambda tx: tx.policies.current(account_id))
        return await open_policy(self.carried, account_id, current)

    async def history(self, account_id: str) -> Sequence[ConsentPolicy]:
        """Return every version that was set, oldest first."""
        history = await self.database.read(lambda tx: tx.policies.history(account_id))
        return [await open_policy(self.carried, account_id, one) for one in history]


async def open_policy(carried: AccountDataKeys, account_id: str, policy: ConsentPolicy) -> ConsentPolicy:
    """Open the reasons of a policy. Raises NotFound, Tampered."""
    return await _with_reasons(policy, lambda one: carried.open_words(account_id, "policy-reason", one))


def _reasons(policy: ConsentPolicy) -> list[str | None]:
    return [policy.reason, *(one.reason for one in policy.overrides)]


async def _with_reasons(
    policy: ConsentPolicy, change: Callable[[str | None], Awaitable[str | None]]
) -> ConsentPolicy:
    overrides = [replace(one, reason=await change(one.reason) or "") for one in policy.overrides]
    return replace(policy, reason=await change(policy.reason), overrides=tuple(overrides))


def check(policy: ConsentPolicy, rule_book: RuleBook) -> None:
    """Raise Invalid, naming the field, for a policy that cannot be meant."""
    if policy.missing_evidence == "accept" and not policy.reason:
        raise Invalid("Say why missing evidence is accepted: it goes on record.", field="reason")
    if not 1 <= policy.quarantine_days <= _MAX_QUARANTINE_DAYS:
        raise Invalid(f"A quarantine lasts 1 to {_MAX_QUARANTINE_DAYS} days.", field="quarantine_days")
    if policy.home_place is not None and policy.home_place not in rule_book.rules:
        raise Invalid(f"The rule book has no place {policy.home_place}.", field="home_place")
    keys = [one for one in (policy.keys.accept, policy.keys.decline, policy.keys.object) if one is not None]
    if not _KEYS.issuperset(keys) or len(set(keys)) != len(keys):
        raise Invalid("Each answer has a key of its own: 0 to 9, * or #.", field="keys")
    places = [one.place for one in policy.overrides]
    if len(set(places)) != len(places):
        raise Invalid("A place is overridden once.", field="overrides")
    for one in policy.overrides:
        if one.place != "*" and one.place not in rule_book.rules:
            raise Invalid(f"The rule book has no place {one.place}.", field="overrides")
        if not one.reason:
            raise Invalid("An override needs a reason: it goes on record.", field="overrides")


def _signed(one: RuleOverride, before: Sequence[RuleOverride], actor: str, now: datetime) -> RuleOverride:
    """Return an override with its author and moment: those of before, where it is the same as before."""
    for known in before:
        if replace(one, author=known.author, at=known.at) == known:
            return known
    return replace(one, author=actor, at=now)


def _content(policy: ConsentPolicy) -> ConsentPolicy:
    return replace(policy, version=0, changed_at=None, changed_by=None)
