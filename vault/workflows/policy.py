"""An account's consent policy: what it asks for on top of the law, and what becomes of missing evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.access_event import AccessEvent
from vault.domain.consent import ConsentPolicy
from vault.domain.rules import RuleBook, RuleOverride
from vault.errors import Invalid, Refused
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction

_KEYS = frozenset("0123456789*#")
_LONGEST_QUARANTINE = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPolicy:
    """Change the policy. It changes under the account's exclusive lock, and every version is kept."""

    database: Database
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
        """Return the policy after ``change``, which sees it under the lock: two changes at once both count.

        Raises Invalid, and Refused where it is no longer at ``if_version``.
        """

        def write(tx: Transaction) -> ConsentPolicy:
            tx.lock_account(account_id, exclusive=True)
            before, now = tx.policies.current(account_id), tx.now()
            if if_version is not None and before.version != if_version:
                raise Refused("The policy was changed in the meantime.", reasons=("changed",))
            wanted = change(before)
            check(wanted, self.rule_book)
            signed = replace(
                wanted,
                version=before.version + 1,
                changed_at=now,
                changed_by=actor,
                overrides=tuple(_signed(one, before.overrides, actor, now) for one in wanted.overrides),
            )
            if _content(signed) == _content(before):
                return before
            tx.policies.add(account_id, signed)
            tx.events.append(AccessEvent(type="policy.changed", at=now, account_id=account_id, actor=actor))
            return signed

        return await self.database.write(write, urgent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """Say what the policy is, and what it was."""

    database: Database

    async def __call__(self, account_id: str) -> ConsentPolicy:
        """Return the policy as it stands."""
        return await self.database.read(lambda tx: tx.policies.current(account_id))

    async def history(self, account_id: str) -> Sequence[ConsentPolicy]:
        """Return every version that was set, oldest first."""
        return await self.database.read(lambda tx: tx.policies.history(account_id))


def check(policy: ConsentPolicy, rule_book: RuleBook) -> None:
    """Raise Invalid, naming the field, for a policy that cannot be meant."""
    if policy.missing_evidence == "accept" and not policy.reason:
        raise Invalid("Say why missing evidence is accepted: it goes on record.", field="reason")
    if not 1 <= policy.quarantine_days <= _LONGEST_QUARANTINE:
        raise Invalid(f"A quarantine lasts 1 to {_LONGEST_QUARANTINE} days.", field="quarantine_days")
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
