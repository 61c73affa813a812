"""What was sent to the endpoints of an account in the last 30 days, and what they answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.stores.outbox.attempts import AttemptFilter, NotedAttempts, Place
from vault.database.stores.outbox.outcomes import NotedAttempt
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import destination_of
from vault.errors import NotFound
from vault.services.events.replay_events import ReplayEvents
from vault.services.events.send_test import SendTest
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced


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
class EventDeliveries:
    """List attempts at an endpoint, and send it something again, or a test."""

    database: Database
    data_keys: AccountDataKeys
    replay: ReplayEvents
    test: SendTest

    async def list(
        self, account_id: str, endpoint_id: str, wanted: AttemptFilter, *, before: Place | None, limit: int
    ) -> DeliveryPage:
        """Return a page of attempts. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> NotedAttempts:
            if tx.event_endpoints.get(account_id, endpoint_id) is None:
                raise NotFound("There is no such event endpoint.")
            return tx.outbox_attempts.page(destination_of(endpoint_id), wanted, before=before, limit=limit)

        page = await self.database.read(read)
        opened = [
            Delivery(attempt=one, answer=await self._answer(account_id, one))
            async for one in paced(page.attempts)
        ]
        return DeliveryPage(deliveries=opened, before=page.before)

    async def _answer(self, account_id: str, one: NotedAttempt) -> str | None:
        try:
            return await self.data_keys.open_words(account_id, "outbox-answer", one.answer)
        except NotFound:
            return None  # The key that sealed it was destroyed.
