"""Hand calls over to CRMs, change what stands there, and remove it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from vault.backoff import Backoff
from vault.database.transaction import Transaction
from vault.domain.handover.integration import KIND, StoredIntegration, integration_of
from vault.domain.outbox.attempt import Attempt
from vault.domain.outbox.message import Message, SendingRules
from vault.services.handover.grants import Grants
from vault.services.handover.stored_integration import OpenedIntegration
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.outbox.kinds.handovers.reconcile import Reconcile

#: What a removal does not heed, a write does: that is decided with the hand-over's row, of which it depends.
_READ = SendingRules(switched_off="send", erased="send", restricted="send", held="ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handovers(OutboxKind[StoredIntegration, OpenedIntegration]):
    """Hand-overs. Removals have a destination of their own, and wait for ever."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = Backoff(first=timedelta(seconds=10), most=timedelta(hours=6))
    max_attempts: ClassVar[int | None] = None
    gives_up: ClassVar[bool] = False

    grants: Grants
    reconcile: Reconcile

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that everything is read, and that the row of the hand-over decides."""
        return _READ

    def read(self, tx: Transaction, account_id: str, destination: str) -> StoredIntegration | None:
        """Return the integration, if it takes such messages now; else its hand-overs wait in their rows."""
        integration_id, is_removal = integration_of(destination)
        stored = tx.integrations.get(account_id, integration_id)
        if stored is None or not (stored.removes if is_removal else stored.sends):
            return None
        return stored

    async def open(self, stored: StoredIntegration) -> OpenedIntegration:
        """Open its credentials."""
        return await self.grants.open(stored)

    async def send(self, receiver: OpenedIntegration, permission: Permission) -> Attempt:
        """Do what brings the system nearer to what is desired."""
        return await self.reconcile(receiver, permission)

    def wait(self, receiver: OpenedIntegration, message: Message) -> timedelta | None:
        """Return how long the rest of the system's budget is left to others."""
        return self.reconcile.wait(receiver, message)

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:  # noqa: ARG002 - however it ended
        """Let others work on the hand-over again."""
        tx.handovers.release(message.content["handover"], message.id)

    async def take_back(self, message: Message) -> None:
        """Do nothing: what was written is in the row of the hand-over, and a newer message removes it."""

    def count(self, result: str) -> None:
        """Count nothing: the outbox counts it."""
