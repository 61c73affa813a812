"""Note how an attempt ended: the message, the health of its destination, the log, all in one transaction."""

from datetime import timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.outbox.attempt import Attempt, Outcome, wait_asked
from vault.domain.outbox.health import HEALTHY, Health
from vault.domain.outbox.message import Message
from vault.jitter import RANDOM
from vault.services.outbox.permit import Permitted, log
from vault.structured_log import Log

_LOG = Log(__name__)
#: By how much a wait that a receiver asks for may be longer, so that its senders do not come together.
_LONGER: Final = 0.1


def end_attempt(tx: Transaction, sent: Permitted, attempt: Attempt, took: timedelta, *, is_own: bool) -> str:
    """Return the result: accepted, superseded, failed or given_up. ``is_own``: the vault could not send it.

    Raises LeaseLost, and changes nothing, if the message is another worker's now, or was deleted with its subject.
    """
    message, outcomes = sent.claimed.message, tx.outbox_outcomes
    # The row of the destination first, as a claim does.
    before = outcomes.health(message.destination)
    if attempt.outcome is Outcome.ACCEPTED:
        result, health = "accepted", HEALTHY
        outcomes.delete(sent.claimed)
        log(tx, "message.accepted", message)
    elif attempt.outcome is Outcome.NOT_SENT:
        result, health = "superseded", before
        outcomes.delete(sent.claimed)
        log(tx, "message.superseded", message)
    else:
        health = before if is_own else _after(tx, before, attempt)
        result = _fail(tx, sent, attempt, health)
    outcomes.note(sent.claimed, attempt, tx.now() - took, took)
    sent.kind.note(tx, message, attempt)
    if health != before:
        outcomes.set_health(message.destination, health)
        _warn(tx, message, before, health)
    outcomes.schedule(message.destination)
    return result


def _after(tx: Transaction, before: Health, attempt: Attempt) -> Health:
    if attempt.outcome is Outcome.GONE:
        return before.after_refusal(tx.now())
    return before.after_failure(tx.now(), asked=_asked(tx, attempt))


def _asked(tx: Transaction, attempt: Attempt) -> timedelta | None:
    asked = wait_asked(attempt.retry_after, tx.now())
    return None if asked is None else asked * (1 + RANDOM.random() * _LONGER)


def _fail(tx: Transaction, sent: Permitted, attempt: Attempt, health: Health) -> str:
    """Let a message wait for its next attempt, or give it up."""
    message, kind = sent.claimed.message, sent.kind
    is_last = kind.max_attempts is not None and message.attempts >= kind.max_attempts
    if not is_last and health.disabled_at is None:
        wait = kind.backoff.after(message.attempts)
        if (asked := wait_asked(attempt.retry_after, tx.now())) is not None:
            wait = max(wait, asked)
        tx.outbox_outcomes.put_back(sent.claimed, tx.now() + wait, counts=True)
        return "failed"
    tx.outbox_outcomes.delete(sent.claimed)
    log(tx, "message.given_up", message)
    _LOG.error("outbox.given_up", account_id=message.account_id)
    return "given_up"


def _warn(tx: Transaction, message: Message, before: Health, after: Health) -> None:
    """Tell the account, by its log, that a destination fails or was switched off."""
    if after.disabled_at is not None and before.disabled_at is None:
        count = tx.outbox_outcomes.delete_all(message.destination)
        _log(tx, "destination.disabled", message)
        _LOG.error("outbox.destination_disabled", account_id=message.account_id, count=count)
    elif after.warned > before.warned:
        _log(tx, "destination.failing", message)
        _LOG.warning("outbox.destination_fails", account_id=message.account_id)


def _log(tx: Transaction, type_: EventType, message: Message) -> None:
    tx.events.append(
        AccessEvent(
            type=type_,
            at=tx.now(),
            account_id=message.account_id,
            actor="worker",
            result=message.destination,
        )
    )
