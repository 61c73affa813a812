"""Write into the rows of available recordings what the retention policies say of them.

A row whose stamp is not that of the account's policies is computed again: after a change of the policy, at the end of
a wait, after a late fact of its call, and once after the gate. Until then nothing of it is erased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.retention.retention_policies import RetentionPolicies
from vault.database.transaction import Transaction
from vault.domain.retention.terms import RetentionTerms
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.services.retention.compute_terms import ComputeTerms
from vault.services.retention.retention_policy import open_policies
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job
from vault.services.shared.paced import paced
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

    def jobs(self) -> Sequence[Job]:
        """Return the search for recordings whose retention is not computed yet."""
        return [IntervalJob(name="apply_policies", run=self, every=EACH_MINUTE, needs_objects=False)]

    async def __call__(self) -> int:
        """Compute every such row; return how many. Raises Unavailable.

        An account whose policy or key cannot be used is passed over, as is a recording whose facts cannot be read:
        nothing of them is erased, and the next call tries again.
        """
        number = 0
        for account_id in await self.database.read(lambda tx: tx.retention.accounts()):
            try:
                number += await self.of_account(account_id)
            except (Tampered, NotFound):
                _LOG.error("retention.policy_unreadable", account_id=account_id)
            except OwnKeyUnusable:
                _LOG.error("retention.key_unusable", account_id=account_id)
        return number

    async def of_account(self, account_id: str) -> int:
        """Compute the rows of one account. Raises NotFound, Tampered, Unavailable."""
        # Asked first: opening policies and notices of every account each minute would cost more than all else.
        if not await self.database.read(lambda tx: _any_stale(tx, account_id)):
            return 0
        number, notice_periods, unreadable = 0, await self.compute.notice_periods(account_id), list[str]()
        after: tuple[int, str] | None = None
        while True:
            policies = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
            stale = await self.database.read(
                lambda tx, stamp=policies.stamp, after=after: tx.retention.stale(  # type: ignore[misc]
                    account_id, stamp, after=after, limit=BATCH_SIZE
                )
            )
            opened = await open_policies(self.data_keys, account_id, policies)
            facts = await self.compute.facts([recording for recording, _ in stale], opened, notice_periods)
            unreadable += facts.unreadable
            if facts.found:
                # Before the transaction: the writer of SQLite is one for all accounts.
                terms = {found.recording.id: found.marks(opened) async for found in paced(facts.found)}
                write = partial(
                    _write,
                    account_id=account_id,
                    policies=policies,
                    terms=terms,
                    stamps={recording.id: stamp for recording, stamp in stale},
                )
                number += await self.database.write(write)
            # What another change overtook is left for the next call, like what is unreadable.
            if len(stale) < BATCH_SIZE:
                break
            after = (stale[-1][1], stale[-1][0].id)
        _report(account_id, unreadable)
        return number


def _report(account_id: str, unreadable: Sequence[str]) -> None:
    """Log the first of the recordings that could not be computed, and count all of them."""
    if unreadable:
        metrics.RETENTION_UNREADABLE.inc(len(unreadable))
        _LOG.error(
            "retention.recording_unreadable",
            account_id=account_id,
            recording_id=unreadable[0],
            count=len(unreadable),
        )


def _any_stale(tx: Transaction, account_id: str) -> bool:
    stamp = tx.retention.policies(account_id, tx.now()).stamp
    return bool(tx.retention.stale(account_id, stamp, after=None, limit=1))


def _write(
    tx: Transaction,
    *,
    account_id: str,
    policies: RetentionPolicies,
    terms: Mapping[str, RetentionTerms],
    stamps: Mapping[str, int],
) -> int:
    tx.lock_account(account_id)
    if tx.retention.policies(account_id, tx.now()).stamp != policies.stamp:
        return 0  # The policy was changed meanwhile.
    return sum(
        tx.retention.mark(
            recording_id,
            of_recording,
            stamp=policies.stamp,
            before=stamps[recording_id],
            lock=policies.current.object_lock != "off",
        )
        for recording_id, of_recording in terms.items()
    )
