"""Send events to endpoints, in the format of Standard Webhooks; the body is made when it is sent."""

from dataclasses import dataclass
from typing import ClassVar

from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import BACKOFF, KIND, body_of, endpoint_of
from vault.domain.outbox.attempt import Attempt, Outcome, attempt_of
from vault.domain.outbox.message import Message, SendingRules
from vault.domain.outbox.signature import signed_headers
from vault.ports.clock import Clock
from vault.services.events.endpoints import open_endpoint
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.shared.account_data_keys import AccountDataKeys

#: It has ids and codes alone, and says itself that an erasure has overtaken it.
_ALWAYS = SendingRules(switched_off="send", erased="send", restricted="send", held="send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(OutboxKind):
    """Events to endpoints. They are given up with their endpoint alone."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = BACKOFF
    max_attempts: ClassVar[int | None] = None

    database: Database
    data_keys: AccountDataKeys
    clock: Clock

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that nothing stands against it."""
        return _ALWAYS

    async def send(self, permission: Permission) -> Attempt:
        """Send it to the endpoint as it is now, signed with each secret that is valid now."""
        message, now = permission.message, self.clock()
        endpoint_id = endpoint_of(message.destination)
        stored = await self.database.read(lambda tx: tx.event_endpoints.get(message.account_id, endpoint_id))
        if stored is None:
            # It was deleted a moment ago, with this message.
            return Attempt(outcome=Outcome.NOT_SENT)
        secrets = await open_endpoint(self.data_keys, stored)
        body = body_of(message, is_erased=permission.standing.is_erased)
        headers = signed_headers(secrets.signing(stored, now), message.id, body, at=now)
        return attempt_of(await permission.post(secrets.url, headers, body), "The endpoint")

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Note nothing: the outbox keeps attempts and the health of the endpoint."""

    async def take_back(self, message: Message) -> None:
        """Do nothing: what was told are ids."""

    def count(self, result: str) -> None:
        """Count nothing: the outbox counts it."""
