"""Read the log on, and let be handed over what becomes available, and follow what happens to it.

The log is the record of every change, written in the transaction of its cause. This reads on where it ended, in one
transaction with what it leaves, so that a recording has one hand-over at an integration however often a process dies.
An erasure does not wait for it: its own transaction has everything removed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.handover.feed import UnreadLog
from vault.database.stores.node.due_work import SilentWork
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.handover.handover import Desired, StoredHandover, desired_of
from vault.domain.handover.integration import StoredIntegration
from vault.domain.ids import new_id
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.registers.entries import Recipient
from vault.ports.clock import Clock
from vault.ports.crm import CrmSystem
from vault.services.handover.recipient import end_vendor
from vault.services.handover.revoke_grants import kept_grant
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.end_integration import end_integration, log_end
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job, SharedJob

#: Entries of the log in one transaction, which others wait for on SQLite.
_BATCH_SIZE: Final = 500
#: Between two looks at the log, while there are integrations.
_PAUSE: Final = timedelta(seconds=1)
#: Hand-overs that are put into the outbox in one transaction, and integrations at which that is done.
QUEUED: Final = 200
_INTEGRATIONS: Final = 20
_CAUSES: Final = frozenset({"recording.available", "recording.restricted", "recording.unrestricted"})
#: A node of the release before has nothing removed when it erases.
_ENDS: Final = frozenset({"recording.erasing", "recording.erased"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowLog:
    """Hand over what becomes available."""

    database: Database
    data_keys: AccountDataKeys
    systems: Mapping[str, CrmSystem]
    recipients: SealedEntries[Recipient]
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return the reading of the log, and the work on what waits in rows alone."""
        return [
            SharedJob(work=SilentWork.FOLLOW_LOG, step=self.look, pause=_PAUSE),
            IntervalJob(name="queue_handovers", run=self.queue, every=EACH_MINUTE, needs_objects=False),
        ]

    async def look(self) -> bool:
        """Read what there is; return whether to look again soon: whether anybody has calls handed over."""
        while True:
            unread, is_wanted = await self.database.read(lambda tx: tx.handover_feed.state())
            if unread is None or not await self.database.write(lambda tx: follow(tx, unread)):  # noqa: B023 - awaited here
                return is_wanted

    async def queue(self) -> None:
        """Put into the outbox what waits in rows alone: after a pause, a new key, a restore or a back-fill.

        Also end integrations of which everything is removed, and settle what was handed over by those that have ended.
        """
        for integration_id in await self.database.read(
            lambda tx: tx.integrations.unsettled_ends(_INTEGRATIONS)
        ):
            await self._settle(integration_id)
        while await self.database.write(queue_some):
            pass
        for one in await self.database.read(lambda tx: tx.integrations.ending(_INTEGRATIONS)):
            grant = await kept_grant(self.data_keys, self.systems, one)
            await self.database.write(lambda tx: _end(tx, one, grant))  # noqa: B023 - awaited here
            await end_vendor(
                self.recipients, one.account_id, one.recipient_id, until=self.clock().date(), actor="worker"
            )

    async def _settle(self, integration_id: str) -> None:
        """Let what an ended integration has handed over open be left, in batches; a later run repeats it whole."""
        after: str | None = ""
        while after is not None:
            after = await self.database.write(
                lambda tx: tx.handovers.settle(integration_id, after=after, limit=QUEUED)  # noqa: B023 - awaited here
            )
        await self.database.write(lambda tx: tx.integrations.settled(integration_id, tx.now()))


def follow(tx: Transaction, unread: UnreadLog) -> bool:
    """Read a part of the log; return whether there is more."""
    feed = tx.handover_feed
    start = feed.begin(unread)
    end = max(start, min(unread.size, start + _BATCH_SIZE))
    by_account: dict[str, list[tuple[int, AccessEvent]]] = defaultdict(list)
    for index, event in feed.read_log(start, end):
        if event.type in _ENDS:
            tx.handovers.remove(event.recording_id or "")
        elif event.type in _CAUSES and event.recording_id is not None:
            by_account[event.account_id or ""].append((index, event))
    for account_id, entries in sorted(by_account.items()):
        _follow_account(tx, account_id, entries)
    feed.end(end)
    return end < unread.size


def _follow_account(tx: Transaction, account_id: str, entries: Sequence[tuple[int, AccessEvent]]) -> None:
    found = [one for one in tx.integrations.of_account(account_id) if one.state in {"active", "paused"}]
    first = {one.id: tx.handover_feed.first_index(one.id) for one in found}
    for index, event in entries:
        recording = tx.recordings.get(account_id, event.recording_id or "")
        if recording is None or recording.state is not State.AVAILABLE:
            # Its erasure has everything removed.
            continue
        for integration in found:
            if event.type != "recording.available":
                want(tx, integration, recording)
            elif index >= first[integration.id]:
                add_handovers(tx, integration, [recording])


def add_handovers(tx: Transaction, integration: StoredIntegration, recordings: Sequence[Recording]) -> int:
    """Let recordings be handed over that the policy names and the integration does not have; return how many."""
    now, wanted = tx.now(), integration.policy.connections
    made = [
        StoredHandover(
            id=new_id("hnd"), account_id=one.account_id, integration_id=integration.id, recording_id=one.id,
            desired=_desired(integration, one), state="waiting", created_at=now, changed_at=now,
        )
        for one in recordings
        if not wanted or one.connection_id in wanted
    ]  # fmt: skip
    added = tx.handovers.add(made)
    if added and integration.removes:
        queue(tx, integration)
    return added


def want(tx: Transaction, integration: StoredIntegration, recording: Recording) -> None:
    """Let what an integration has of a recording be as its restriction and the policy say."""
    tx.handovers.want(recording.id, _desired(integration, recording), integration_id=integration.id)


def queue(tx: Transaction, integration: StoredIntegration) -> int:
    """Put what waits at an integration into the outbox; return how many hand-overs."""
    return tx.handovers.queue(
        integration.id, writes=integration.sends, since=integration.set_up_at, limit=QUEUED
    )


def queue_some(tx: Transaction) -> bool:
    """Put some of what waits into the outbox; return whether there may be more."""
    is_more = False
    for one in tx.integrations.removing(_INTEGRATIONS):
        is_more |= tx.handovers.want_all_absent(one.id, QUEUED) > 0
    for one in tx.integrations.to_queue(_INTEGRATIONS):
        is_more |= queue(tx, one) > 0
    return is_more


def _end(tx: Transaction, integration: StoredIntegration, grant: str) -> None:
    tx.lock_account(integration.account_id, exclusive=True)
    if tx.integrations.get(integration.account_id, integration.id) != integration:
        return
    log_end(tx, end_integration(tx, integration, removes=False, grant=grant), actor="worker")


def _desired(integration: StoredIntegration, recording: Recording) -> Desired:
    return desired_of(
        is_gone=recording.state in GONE,
        is_ending=integration.state == "removing",
        is_restricted=recording.restricted,
        on_restriction=integration.policy.on_restriction,
    )
