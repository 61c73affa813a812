"""Tell accounts of changes of their requests: signed, and tried again for about two days."""

from dataclasses import dataclass
from typing import ClassVar

from vault import metrics
from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Attempt, Outcome, attempt_of
from vault.domain.outbox.message import Message, SendingRules
from vault.domain.outbox.signature import signed_headers
from vault.domain.requests.callback import BACKOFF, KIND, MAX_TRIES, body_of
from vault.ports.clock import Clock
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.requests.callbacks import open_callback
from vault.services.shared.account_data_keys import AccountDataKeys

#: It is about a request, by its id alone, so neither a recording nor the switch stands against it.
_ALWAYS = SendingRules(switched_off="send", erased="send", restricted="send", held="send")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCallbacks(OutboxKind):
    """Callbacks of requests."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = BACKOFF
    max_attempts: ClassVar[int | None] = MAX_TRIES

    database: Database
    data_keys: AccountDataKeys
    clock: Clock

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that nothing stands against it."""
        return _ALWAYS

    async def send(self, permission: Permission) -> Attempt:
        """Send it to the callback that the account has now."""
        message = permission.message
        callback = await open_callback(self.database, self.data_keys, message.account_id)
        if callback is None:
            # It was deleted a moment ago, perhaps by a node of an older release, which leaves this message.
            return Attempt(outcome=Outcome.NOT_SENT)
        body = body_of(message)
        headers = signed_headers([callback.secret], message.id, body, at=self.clock())
        return attempt_of(await permission.post(callback.url, headers, body), "The callback")

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
