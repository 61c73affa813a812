"""Send a test event to an endpoint immediately, and say how that ended."""

from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

from vault.database.interface import Database
from vault.database.stores.outbox.outcomes import EndedAttempt
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import KIND, TEST_TYPE, StoredEndpoint, body_of_test, destination_of
from vault.domain.ids import new_id
from vault.domain.outbox.attempt import Attempt, attempt_without_answer
from vault.domain.outbox.message import Message
from vault.errors import FetchFailed, TooMany
from vault.ports.clock import Clock
from vault.ports.outside import Outside
from vault.services.events.stored_endpoint import find_endpoint, log_endpoint, open_endpoint, post_event
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.receiver_answers import seal_answer

_RETRY_AFTER: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEnd:
    """How a test ended."""

    event_id: str
    attempt: Attempt
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTest:
    """Send a test event: signed as the others, with no number, because nothing has happened in the account."""

    database: Database
    data_keys: AccountDataKeys
    outside: Outside
    clock: Clock
    #: Endpoints to which this process sends one.
    _busy: set[str] = field(default_factory=set)

    async def __call__(self, account_id: str, endpoint_id: str, *, actor: str) -> TestEnd:
        """Send it, also to an endpoint that is switched off: its health stays as it is.

        Raises NotFound, Unavailable, and TooMany while another test of the endpoint goes on.
        """
        if endpoint_id in self._busy:
            text = "A test of this endpoint is being sent. Wait for its end."
            raise TooMany(text, retry_after=_RETRY_AFTER)
        self._busy.add(endpoint_id)
        try:
            return await self._send(account_id, endpoint_id, actor)
        finally:
            self._busy.discard(endpoint_id)

    async def _send(self, account_id: str, endpoint_id: str, actor: str) -> TestEnd:
        def begin(tx: Transaction) -> StoredEndpoint:
            stored = find_endpoint(tx, account_id, endpoint_id)
            log_endpoint(tx, "event_endpoint.tested", stored, actor)
            return stored

        stored = await self.database.write(begin)
        message = Message(
            destination=destination_of(endpoint_id), id=new_id("evt"), account_id=account_id, kind=KIND,
            type=TEST_TYPE, at=self.clock(), content={}, attempts=1,
        )  # fmt: skip
        started = monotonic()
        attempt = await self._attempt(stored, message)
        took = timedelta(seconds=monotonic() - started)
        ended = EndedAttempt(
            message=message, attempt=attempt, at=message.at, took=took,
            answer=await seal_answer(self.data_keys, account_id, attempt),
        )  # fmt: skip
        await self.database.write(lambda tx: tx.outbox_outcomes.note([ended]))
        return TestEnd(event_id=message.id, attempt=attempt, milliseconds=round(took.total_seconds() * 1000))

    async def _attempt(self, stored: StoredEndpoint, message: Message) -> Attempt:
        secrets, body = await open_endpoint(self.data_keys, stored), body_of_test(message)
        try:
            return await post_event(self.outside.post, stored, secrets, message.id, body, at=message.at)
        except FetchFailed as error:
            return attempt_without_answer(error)
