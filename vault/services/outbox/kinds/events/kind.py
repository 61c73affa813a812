"""Send events to endpoints, in the format of Standard Webhooks; the body is made when it is sent."""

from dataclasses import dataclass
from typing import ClassVar

from vault.backoff import Backoff
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import (
    BACKOFF,
    KIND,
    EndpointSecrets,
    StoredEndpoint,
    body_of,
    endpoint_of,
)
from vault.domain.outbox.attempt import Attempt
from vault.domain.outbox.message import Message, SendingRules
from vault.ports.clock import Clock
from vault.services.events.stored_endpoint import open_endpoint, post_event
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.shared.account_data_keys import AccountDataKeys

#: It has ids and codes alone, and says itself that an erasure has overtaken it.
_ALWAYS = SendingRules(switched_off="ignore", erased="send", restricted="ignore", held="ignore")
_Receiver = tuple[StoredEndpoint, EndpointSecrets]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(OutboxKind[StoredEndpoint, _Receiver]):
    """Events to endpoints. They are given up with their endpoint alone."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = BACKOFF
    max_attempts: ClassVar[int | None] = None

    data_keys: AccountDataKeys
    clock: Clock

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that nothing stands against it."""
        return _ALWAYS

    def read(self, tx: Transaction, account_id: str, destination: str) -> StoredEndpoint | None:
        """Return the endpoint as it is now."""
        return tx.event_endpoints.get(account_id, endpoint_of(destination))

    async def open(self, stored: StoredEndpoint) -> _Receiver:
        """Open its URL and secrets."""
        return stored, await open_endpoint(self.data_keys, stored)

    async def send(self, receiver: _Receiver, permission: Permission) -> Attempt:
        """Send it to the endpoint, signed with each secret that is valid now."""
        (stored, secrets), message, now = receiver, permission.message, self.clock()
        body = body_of(message, is_erased=permission.standing.holds("erased"))
        return await post_event(permission.post, stored, secrets, message.id, body, at=now)

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Note nothing: the outbox keeps attempts and the health of the endpoint."""

    async def take_back(self, message: Message) -> None:
        """Do nothing: what was told are ids."""

    def count(self, result: str) -> None:
        """Count nothing: the outbox counts it."""
