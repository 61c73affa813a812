"""An account's consent policy: its requirements beyond the law, and the treatment of missing evidence."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from vault.database.interface import Database
from vault.database.stores.accounts.clear_texts import SEALED_WORDS
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.legal_rules.rule import RuleBook, RuleOverride
from vault.domain.page import PAGE
from vault.errors import Busy, Invalid, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced

_KEYS = frozenset("0123456789*#")
_MAX_QUARANTINE_DAYS = 365
#: Max tries of a change that conflicts with concurrent changes.
_ATTEMPTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Read and set the consent policy of an account, and its history."""

    database: Database
    data_keys: AccountDataKeys
    rule_book: RuleBook
    clock: Clock

    async def set(
        self, account_id: str, wanted: ConsentPolicy, *, if_version: int | None, actor: str
    ) -> ConsentPolicy:
        """Change the policy, under the account's exclusive lock. Every version is kept.

        Return the policy after the change. Setting it to its current value changes nothing.

        Raises Invalid, Refused if it is no longer at ``if_version``, Busy if others keep changing it.
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
        """Apply ``change`` to the current policy and return the result; concurrent changes are not lost.

        Raises Invalid, Refused if it is no longer at ``if_version``, Busy if others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            # Sealing needs the key service, so it is not done under the lock. The write then checks that the
            # version read here is still the current one.
            before = await self.database.read(lambda tx: tx.policies.current(account_id))
            if if_version is not None and before.version != if_version:
                raise Refused(
                    "The policy was changed in the meantime. Read it again before you change it.",
                    reasons=("changed",),
                )
            wanted = change(await open_policy(self.data_keys, account_id, before))
            check(wanted, self.rule_book)
            sealed = await self._sealed(account_id, wanted, before)
            written = await self.database.write(
                partial(_write, account_id, sealed, before, actor), urgent=True
            )
            if written is not None:
                return await open_policy(self.data_keys, account_id, written)
        raise Busy("Other requests keep changing this policy. Send the request again.", retry_after=1)

    async def _sealed(self, account_id: str, wanted: ConsentPolicy, before: ConsentPolicy) -> ConsentPolicy:
        """Seal the reasons. An unchanged reason keeps its ciphertext, so that an unchanged policy compares equal."""
        before_sealed = [
            text for text in _reasons(before) if text is not None and text.startswith(SEALED_WORDS)
        ]
        known = {
            await self.data_keys.open_words(account_id, "policy-reason", text): text
            async for text in paced(before_sealed)
        }

        async def seal(reason: str | None) -> str | None:
            return known.get(reason) or await self.data_keys.seal_words(account_id, "policy-reason", reason)

        return await _with_reasons(wanted, seal)

    async def read(self, account_id: str) -> ConsentPolicy:
        """Return the current policy."""
        current = await self.database.read(lambda tx: tx.policies.current(account_id))
        return await open_policy(self.data_keys, account_id, current)

    async def history(
        self, account_id: str, *, start: int = 0, limit: int = PAGE, newest_first: bool = False
    ) -> Sequence[ConsentPolicy]:
        """Return a page of the versions that were set, after the first ``start``; oldest first by default."""
        history = await self.database.read(
            lambda tx: tx.policies.history(account_id, start=start, limit=limit, newest_first=newest_first)
        )
        return [await open_policy(self.data_keys, account_id, policy) async for policy in paced(history)]


def _write(
    account_id: str, sealed: ConsentPolicy, before: ConsentPolicy, actor: str, tx: Transaction
) -> ConsentPolicy | None:
    """Add the version after ``before``; None if ``before`` is no longer the current one."""
    tx.lock_account(account_id, exclusive=True)
    if tx.policies.current(account_id).version != before.version:
        return None
    now = tx.now()
    signed = replace(
        sealed,
        version=before.version + 1,
        changed_at=now,
        changed_by=actor,
        overrides=tuple(_signed(override, before.overrides, actor, now) for override in sealed.overrides),
    )
    if _content(signed) == _content(before):
        return before
    tx.policies.add(account_id, signed)
    tx.events.append(AccessEvent(type="policy.changed", at=now, account_id=account_id, actor=actor))
    return signed


async def open_policy(data_keys: AccountDataKeys, account_id: str, policy: ConsentPolicy) -> ConsentPolicy:
    """Open the reasons of a policy. Raises NotFound, Tampered."""
    return await _with_reasons(policy, lambda text: data_keys.open_words(account_id, "policy-reason", text))


def _reasons(policy: ConsentPolicy) -> list[str | None]:
    return [policy.reason, *(override.reason for override in policy.overrides)]


async def _with_reasons(
    policy: ConsentPolicy, change: Callable[[str | None], Awaitable[str | None]]
) -> ConsentPolicy:
    overrides = [
        replace(override, reason=await change(override.reason) or "") for override in policy.overrides
    ]
    return replace(policy, reason=await change(policy.reason), overrides=tuple(overrides))


def check(policy: ConsentPolicy, rule_book: RuleBook) -> None:
    """Raise Invalid, naming the field, for a policy with invalid or contradictory values."""
    if policy.missing_evidence == "accept" and not policy.reason:
        raise Invalid("reason must say why missing evidence is accepted.", field="reason")
    if not 1 <= policy.quarantine_days <= _MAX_QUARANTINE_DAYS:
        raise Invalid(
            Sentence("quarantine_days must be between 1 and %(number)s.", number=_MAX_QUARANTINE_DAYS),
            field="quarantine_days",
        )
    if policy.home_place is not None and policy.home_place not in rule_book.rules:
        raise Invalid("home_place is not in the rule book.", field="home_place")
    keys = [key for key in (policy.keys.accept, policy.keys.decline, policy.keys.object) if key is not None]
    if not _KEYS.issuperset(keys) or len(set(keys)) != len(keys):
        raise Invalid(
            "keys must be different from each other, and each must be 0 to 9, * or #.", field="keys"
        )
    places = [override.place for override in policy.overrides]
    if len(set(places)) != len(places):
        raise Invalid("overrides must name each place at most once.", field="overrides")
    for number, override in enumerate(policy.overrides):
        field = f"overrides.{number}"
        if override.place != "*" and override.place not in rule_book.rules:
            raise Invalid("This place is not in the rule book.", field=f"{field}.place")
        if not override.reason:
            raise Invalid("An override needs a reason.", field=f"{field}.reason")


def _signed(
    override: RuleOverride, before: Sequence[RuleOverride], actor: str, now: datetime
) -> RuleOverride:
    """Return an override with author and time; an unchanged override keeps those that it has."""
    for known in before:
        if replace(override, author=known.author, at=known.at) == known:
            return known
    return replace(override, author=actor, at=now)


def _content(policy: ConsentPolicy) -> ConsentPolicy:
    return replace(policy, version=0, changed_at=None, changed_by=None)
