"""Note how the attempts of a turn ended: the messages, the health of their destination, the log, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.database.stores.outbox.outcomes import EndedAttempt
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.outbox.attempt import LEAST_WAIT, Attempt, Outcome, wait_asked
from vault.domain.outbox.health import Health
from vault.domain.outbox.message import Message, Turn
from vault.jitter import RANDOM
from vault.services.outbox.permit import Permitted, message_event
from vault.structured_log import Log

_LOG = Log(__name__)
#: By how much a wait that a receiver asks for may be longer, so that its senders do not come together.
_LONGER: Final = 0.1
Result = Literal["accepted", "superseded", "early", "failed", "given_up"]
#: Of what ends a message: the result, and the type of its event.
_ENDS: Final[Mapping[Outcome, tuple[Result, EventType]]] = {
    Outcome.ACCEPTED: ("accepted", "message.accepted"),
    Outcome.NOT_SENT: ("superseded", "message.superseded"),
    Outcome.REFUSED: ("given_up", "message.given_up"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An attempt that has ended."""

    message: Message
    attempt: Attempt
    #: Seconds of ``monotonic`` at its begin, and how long it took.
    began: float
    took: timedelta
    #: Whether it was the vault that could not send it.
    is_own: bool
    #: The beginning of the answer, sealed.
    answer: str | None = None


def end_turn(
    tx: Transaction,
    sent: Permitted,
    ended: Sequence[Ended],
    unsent: Sequence[Message],
    *,
    now: float,
    wait: timedelta | None,
) -> Mapping[str, Result]:
    """Return the result of each message; note attempts in their order, and give back what was not sent, uncounted.

    One without a result is another worker's now, or was deleted with its subject: of it nothing is noted. ``now`` is a
    time of ``monotonic``; ``wait`` is how long the receiver wants nothing more, which is no failure.
    """
    turn, outcomes = sent.turn, tx.outbox_outcomes
    # The row of the destination first, as a claim does.
    before, at = outcomes.health(turn.destination)
    goes = [one.message.id for one in ended if one.attempt.outcome in _ENDS]
    stays = [one.message.id for one in ended if one.attempt.outcome not in _ENDS]
    held = outcomes.delete(turn, goes) | outcomes.lock(turn, stays)
    outcomes.put_back_unsent(turn, [one.id for one in unsent])
    turn_end = _TurnEnd(tx, sent, before, at)
    noted = [one for one in ended if one.message.id in held]
    results = {one.message.id: turn_end.end(one) for one in noted}
    outcomes.note([
        EndedAttempt(
            message=one.message, attempt=one.attempt, at=at - timedelta(seconds=now - one.began), took=one.took,
            answer=one.answer,
        )
        for one in noted
    ])  # fmt: skip
    for one in noted:
        sent.kind.note(tx, one.message, one.attempt)
    turn_end.finish(wait)
    outcomes.schedule(turn.destination)
    return results


class _TurnEnd:
    """The end of a turn in its transaction: the health of its destination after each attempt, and what is logged."""

    def __init__(self, tx: Transaction, sent: Permitted, before: Health, at: datetime) -> None:
        self._tx, self._sent, self._before, self._at = tx, sent, before, at
        self._health = before
        self._events: list[AccessEvent] = []

    def end(self, one: Ended) -> Result:
        """End an attempt whose message is still the turn's."""
        outcome = one.attempt.outcome
        if outcome not in _ENDS:
            return self._wait(one) if one.attempt.is_early else self._fail(one)
        if outcome is Outcome.ACCEPTED:
            self._health = self._health.after_success(self._at)
        result, type_ = _ENDS[outcome]
        self._log(type_, one.message)
        return result

    def finish(self, wait: timedelta | None) -> None:
        """Write the health, if it changed, and the log."""
        if wait is not None:
            self._health = self._health.waiting(self._at + wait)
        before, after, turn = self._before, self._health, self._sent.turn
        if after != before:
            self._tx.outbox_outcomes.set_health(turn.destination, after)
            self._warn(turn, before, after)
        self._tx.events.append(*self._events)

    def _wait(self, one: Ended) -> Result:
        """Let a message wait for as long as its receiver asks, uncounted."""
        wait = wait_asked(one.attempt.retry_after, self._at) or LEAST_WAIT
        self._tx.outbox_outcomes.put_back_unsent(self._sent.turn, [one.message.id], self._at + wait)
        return "early"

    def _fail(self, one: Ended) -> Result:
        """Let a message wait for its next attempt, or give it up."""
        message, kind, turn = one.message, self._sent.kind, self._sent.turn
        wait = kind.backoff.after(message.attempts)
        asked = wait_asked(one.attempt.retry_after, self._at)
        is_last = kind.max_attempts is not None and message.attempts >= kind.max_attempts
        if not one.is_own:
            self._health = self._after(one.attempt, asked)
        if turn.is_ordered:
            # What follows waits for it, so it is the destination that waits.
            until = max(self._at + max(wait, asked or wait), self._health.blocked_until or self._at)
            self._health = replace(self._health, blocked_until=until)
        if not is_last and self._health.disabled_at is None:
            due_at = self._at if turn.is_ordered else self._at + max(wait, asked or wait)
            self._tx.outbox_outcomes.put_back(turn, message.id, due_at)
            return "failed"
        self._tx.outbox_outcomes.delete(turn, [message.id])
        self._log("message.given_up", message)
        _LOG.error("outbox.given_up", account_id=message.account_id)
        return "given_up"

    def _after(self, attempt: Attempt, asked: timedelta | None) -> Health:
        if attempt.outcome is Outcome.GONE:
            return self._health.after_refusal(self._at)
        longer = None if asked is None else asked * (1 + RANDOM.random() * _LONGER)
        after = self._health.after_failure(self._at, asked=longer)
        return after if self._sent.kind.gives_up else replace(after, disabled_at=None)

    def _warn(self, turn: Turn, before: Health, after: Health) -> None:
        """Tell the account, by its log, that a destination fails or was switched off."""
        if after.disabled_at is not None and before.disabled_at is None:
            self._tx.outbox_outcomes.empty(turn.destination)
            self._log_destination("destination.disabled")
            _LOG.error("outbox.destination_disabled", account_id=turn.account_id)
        elif after.warned > before.warned:
            self._log_destination("destination.failing")
            _LOG.warning("outbox.destination_fails", account_id=turn.account_id)

    def _log(self, type_: EventType, message: Message) -> None:
        self._events.append(message_event(type_, message, self._at))

    def _log_destination(self, type_: EventType) -> None:
        turn = self._sent.turn
        self._events.append(
            AccessEvent(
                type=type_, at=self._at, account_id=turn.account_id, actor="worker", result=turn.destination
            )
        )
