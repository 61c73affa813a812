"""Put the events that the log's entries cause into the outbox, numbered for each account.

The log is the record of every change, written in the transaction of its cause. This reads on where it ended, in one
transaction with what it leaves, so that no event is lost or has two numbers however often a process dies.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.events.feed import NumberedEvent, Subscription, Unread
from vault.database.stores.node.due_work import SilentWork
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.events.endpoint import KIND, SEQUENCE, destination_of, wants
from vault.domain.events.event_types import data_of
from vault.domain.outbox.message import Message
from vault.services.shared.job import HOURLY, IntervalJob, Job, SharedJob

#: Entries of the log in one transaction, which others wait for on SQLite.
_BATCH_SIZE: Final = 500
#: Between two looks at the log, while somebody receives events.
_PAUSE: Final = timedelta(seconds=1)
#: How long events are kept.
KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvents:
    """Read the log on."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the reading of the log, and the work on events that are old."""
        return [
            SharedJob(work=SilentWork.PUBLISH_EVENTS, step=self.look, pause=_PAUSE),
            IntervalJob(name="forget_events", run=self.forget, every=HOURLY, needs_objects=False),
        ]

    async def look(self) -> bool:
        """Publish what there is; return whether to look again soon: whether somebody receives events."""
        while True:
            unread, is_wanted = await self.database.read(lambda tx: tx.event_feed.state())
            if unread is None or not await self.database.write(lambda tx: publish(tx, unread)):  # noqa: B023 - awaited here
                return is_wanted

    async def __call__(self) -> bool:
        """Publish some; return whether there may be more."""
        unread = await self.database.read(lambda tx: tx.event_feed.unread())
        return unread is not None and await self.database.write(lambda tx: publish(tx, unread))

    async def forget(self) -> None:
        """Delete events that are older than 30 days, and accounts that have not asked for as long."""
        await self.database.write(lambda tx: tx.event_polls.forget(tx.now() - KEPT))
        while await self.database.write(lambda tx: tx.event_feed.forget(tx.now() - KEPT)):
            pass


def publish(tx: Transaction, unread: Unread) -> bool:
    """Read a part of the log; return whether there is more."""
    feed = tx.event_feed
    taken = feed.take(unread, most=_BATCH_SIZE)
    if taken is None:
        return True
    start, end = taken
    by_account: dict[str, list[tuple[int, AccessEvent]]] = defaultdict(list)
    for index, event in feed.read_log(start, end):
        if data_of(event) is not None:
            by_account[event.account_id or ""].append((index, event))
    subscriptions: dict[str, list[Subscription]] = defaultdict(list)
    for one in feed.subscriptions(list(by_account)):
        subscriptions[one.account_id].append(one)
    for account_id, entries in sorted(by_account.items()):
        _publish(tx, account_id, entries, subscriptions[account_id])
    return end < unread.size


def _publish(
    tx: Transaction,
    account_id: str,
    entries: Sequence[tuple[int, AccessEvent]],
    subscriptions: Sequence[Subscription],
) -> None:
    """Number the events of an account from its first endpoint or poll on, and leave a message for each that wants one.

    The first number is the index of an entry: after a loss of the database too, numbers only grow.
    """
    begun = min(one.from_index for one in subscriptions)
    wanted = [(index, event) for index, event in entries if index >= begun]
    if not wanted:
        return
    last = tx.event_feed.take_numbers(account_id, len(wanted), first=wanted[0][0])
    numbered = [
        NumberedEvent(sequence=last + place, event=event, data=data_of(event) or {})
        for place, (_, event) in enumerate(wanted, start=1)
    ]
    tx.event_feed.add(account_id, numbered)
    tx.outbox.put(
        *(
            message_to(one.endpoint_id, event)
            for (index, _), event in zip(wanted, numbered, strict=True)
            for one in subscriptions
            if one.endpoint_id is not None
            if index >= one.from_index and wants(one.types, event.event.type)
        )
    )


def message_to(endpoint_id: str, numbered: NumberedEvent) -> Message:
    """Return the message about an event to an endpoint."""
    event = numbered.event
    return Message(
        destination=destination_of(endpoint_id),
        id=event.id,
        account_id=event.account_id or "",
        kind=KIND,
        type=event.type,
        at=event.at,
        content={**numbered.data, SEQUENCE: str(numbered.sequence)},
        recording_id=event.recording_id,
        sequence=numbered.sequence,
        outlives_erasure=True,
    )
