"""What was sent to the endpoints of an account in the last 30 days, and what they answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vault.database.interface import Database
from vault.database.stores.outbox.attempts import AttemptFilter, NotedAttempts, Place
from vault.database.stores.outbox.outcomes import NotedAttempt
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import destination_of
from vault.ports.clock import Clock
from vault.services.events.replay_events import ReplayEvents
from vault.services.events.send_test import SendTest
from vault.services.events.stored_endpoint import find_endpoint
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced
from vault.services.shared.receiver_answers import open_answer

_HOURS: Final = 24
_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An attempt, with what the receiver answered."""

    attempt: NotedAttempt
    #: The beginning of the answer as text; None: there was none, or it is not kept any more.
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """Attempts, the newest first."""

    deliveries: Sequence[Delivery]
    #: Where the next page begins; None: there is none.
    before: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The attempts of an hour; of a destination with very many, those that are counted."""

    #: 0 to 23, in UTC.
    of_day: int
    accepted: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDeliveries:
    """List attempts at an endpoint, and send it something again, or a test."""

    database: Database
    data_keys: AccountDataKeys
    clock: Clock
    replay: ReplayEvents
    test: SendTest

    async def list(
        self, account_id: str, endpoint_id: str, wanted: AttemptFilter, *, before: Place | None, limit: int
    ) -> DeliveryPage:
        """Return a page of attempts. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> NotedAttempts:
            endpoint = find_endpoint(tx, account_id, endpoint_id)
            return tx.outbox_attempts.page(destination_of(endpoint.id), wanted, before=before, limit=limit)

        page = await self.database.read(read)
        opened = [
            Delivery(attempt=one, answer=await open_answer(self.data_keys, account_id, one.answer))
            async for one in paced(page.attempts)
        ]
        return DeliveryPage(deliveries=opened, before=page.before)

    async def of_last_day(self, account_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, Sequence[Hour]]:
        """Count the attempts of the last 24 hours at endpoints of an account, the oldest hour first."""
        this_hour = int(self.clock().timestamp()) // _SECONDS
        first = this_hour - _HOURS + 1
        since = datetime.fromtimestamp(first * _SECONDS, UTC)
        destinations = [destination_of(one) for one in endpoint_ids]
        counts = await self.database.read(
            lambda tx: tx.outbox_attempts.by_hour(account_id, destinations, since)
        )

        def counted(destination: str, hour: int) -> Hour:
            accepted, failed = (counts.get((destination, hour, good), 0) for good in (True, False))
            return Hour(of_day=hour % _HOURS, accepted=accepted, failed=failed)

        hours = range(first, this_hour + 1)
        return {
            one: [counted(at, hour) for hour in hours]
            for one, at in zip(endpoint_ids, destinations, strict=True)
        }
