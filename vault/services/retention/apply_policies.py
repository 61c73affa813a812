"""Write into the rows of available recordings what the retention policies say of them.

A row whose stamp is not that of the account's policies is computed again: after a change of the policy, at the end of
a wait, after a late fact of its call, and once after the gate. Until then nothing of it is erased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from vault.database.interface import Database
from vault.database.stores.retention import RetentionPolicies
from vault.database.transaction import Transaction
from vault.domain.retention.period import Period
from vault.domain.retention.policy import RetentionPolicy
from vault.errors import Tampered
from vault.services.retention.compute_terms import ComputeTerms, RetentionFacts
from vault.services.retention.retention_policy import open_policies
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.structured_log import Log

_LOG = Log(__name__)
#: Recordings in one transaction.
BATCH_SIZE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPolicies:
    """Compute the rows of all accounts with a policy that are not computed by it yet."""

    database: Database
    data_keys: AccountDataKeys
    compute: ComputeTerms

    async def __call__(self) -> int:
        """Compute every such row; return how many. Raises Unavailable. A policy that cannot be read is skipped."""
        number = 0
        for account_id in await self.database.read(lambda tx: tx.retention.accounts()):
            try:
                number += await self.of_account(account_id)
            except Tampered:
                _LOG.error("retention.policy_unreadable", account_id=account_id)
        return number

    async def of_account(self, account_id: str) -> int:
        """Compute the rows of one account. Raises Tampered, Unavailable."""
        # Asked first: opening policies and notices of every account each minute would cost more than all else.
        if not await self.database.read(lambda tx: _any_stale(tx, account_id)):
            return 0
        number, notice_periods = 0, await self.compute.notice_periods(account_id)
        while True:
            policies = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
            opened = await open_policies(self.data_keys, account_id, policies)
            computed, read = await self._batch(account_id, policies, opened, notice_periods)
            number += computed
            # What another change overtook is read again; without progress the next call goes on.
            if read < BATCH_SIZE or not computed:
                return number

    async def _batch(
        self,
        account_id: str,
        policies: RetentionPolicies,
        opened: Sequence[RetentionPolicy],
        notice_periods: Mapping[str, Period],
    ) -> tuple[int, int]:
        stale = await self.database.read(
            lambda tx: tx.retention.stale(account_id, policies.stamp, limit=BATCH_SIZE)
        )
        stamps = {recording.id: stamp for recording, stamp in stale}
        facts = await self.compute.facts([recording for recording, _ in stale], opened, notice_periods)
        if not facts:
            return 0, len(stale)
        write = partial(
            _write, account_id=account_id, policies=policies, opened=opened, facts=facts, stamps=stamps
        )
        return await self.database.write(write), len(stale)


def _any_stale(tx: Transaction, account_id: str) -> bool:
    stamp = tx.retention.policies(account_id, tx.now()).stamp
    return bool(tx.retention.stale(account_id, stamp, limit=1))


def _write(
    tx: Transaction,
    *,
    account_id: str,
    policies: RetentionPolicies,
    opened: Sequence[RetentionPolicy],
    facts: Sequence[RetentionFacts],
    stamps: Mapping[str, int],
) -> int:
    tx.lock_account(account_id)
    if tx.retention.policies(account_id, tx.now()).stamp != policies.stamp:
        return 0  # The policy was changed meanwhile.
    return sum(
        tx.retention.mark(
            found.recording.id,
            found.marks(opened),
            stamp=policies.stamp,
            before=stamps[found.recording.id],
            lock=policies.current.object_lock != "off",
        )
        for found in facts
    )
