"""Tell accounts of changes of their requests: signed, and tried again for about two days."""

from dataclasses import dataclass
from typing import ClassVar

from vault import metrics
from vault.backoff import Backoff
from vault.database.account_parts.callback import StoredCallback
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Attempt, Outcome, attempt_of
from vault.domain.outbox.message import Message, SendingRules
from vault.domain.outbox.signature import signed_headers
from vault.domain.requests.callback import BACKOFF, KIND, MAX_TRIES, Callback, body_of
from vault.ports.clock import Clock
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.requests.callbacks import open_callback
from vault.services.shared.account_data_keys import AccountDataKeys

#: It is about a request, by its id alone, so neither a recording nor the switch stands against it.
_ALWAYS = SendingRules(switched_off="ignore", erased="ignore", restricted="ignore", held="ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCallbacks(OutboxKind[tuple[str, StoredCallback], Callback]):
    """Callbacks of requests."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = BACKOFF
    max_attempts: ClassVar[int | None] = MAX_TRIES

    data_keys: AccountDataKeys
    clock: Clock

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that nothing stands against it."""
        return _ALWAYS

    def read(self, tx: Transaction, account_id: str, destination: str) -> tuple[str, StoredCallback] | None:  # noqa: ARG002 - it has the account
        """Return the account and the callback that it has now."""
        stored = tx.callbacks.get(account_id)
        # It may be deleted by a node of an older release, which leaves its messages.
        return None if stored is None else (account_id, stored)

    async def open(self, stored: tuple[str, StoredCallback]) -> Callback:
        """Open its URL and secret."""
        return await open_callback(self.data_keys, *stored)

    async def send(self, receiver: Callback, permission: Permission) -> Attempt:
        """Send it to the callback."""
        message = permission.message
        body = body_of(message)
        headers = signed_headers([receiver.secret], message.id, body, at=self.clock())
        return attempt_of(await permission.post(receiver.url, headers, body), "The callback")

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Note when the callback took one last, or why it did not."""
        if attempt.outcome is Outcome.ACCEPTED:
            tx.callbacks.accepted(message.account_id, tx.now())
        elif attempt.outcome is not Outcome.NOT_SENT:
            tx.callbacks.failed(message.account_id, tx.now(), attempt.failure or "")

    async def take_back(self, message: Message) -> None:
        """Do nothing: what was told is the id of a request, which stays."""

    def count(self, result: str) -> None:
        """Count it also as a callback."""
        if result != "superseded":
            metrics.REQUEST_CALLBACKS.labels(result).inc()
