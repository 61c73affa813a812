"""The transactions of a hand-over: what is to be done now, that a write leaves, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.handover.handover import Step as HandoverStep
from vault.domain.handover.handover import StoredHandover, desired_of, next_step, settled
from vault.domain.handover.integration import StoredIntegration
from vault.domain.outbox.message import Fact, Message, Standing
from vault.errors import Busy
from vault.services.handover.stored_integration import log_handover

#: How long nobody else works on a hand-over: a request takes 10 seconds, and is followed by one of the database.
BUSY: Final = timedelta(seconds=60)
#: What stands against telling a system anything of a call.
_AGAINST: Final[tuple[Fact, ...]] = ("erased", "switched_off", "restricted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is to be done with a hand-over now."""

    handover: StoredHandover
    step: HandoverStep


def begin(message: Message) -> Callable[[Transaction, Standing], Begun | None]:
    """Return what reads a hand-over and everything that decides on it, and takes it; None: nothing is to be done.

    It raises Busy while another message works on it, or something is to be removed first.
    """

    def take(tx: Transaction, standing: Standing) -> Begun | None:
        handover = tx.handovers.lock(message.content["handover"])
        if handover is None or str(handover.version) != message.content["version"]:
            # A newer message says what is desired now.
            return None
        integration = tx.integrations.get(message.account_id, handover.integration_id)
        if integration is None or not integration.removes:
            return None
        now = tx.now()
        if handover.busy_by not in {None, message.id} and (handover.busy_until or now) > now:
            raise Busy("Another message works on this hand-over.", retry_after=1)
        desired = desired_of(
            is_gone=standing.holds("erased"),
            is_ending=integration.state == "removing",
            is_restricted=standing.holds("restricted"),
            on_restriction=integration.policy.on_restriction,
        )
        taken = replace(handover, desired=desired, changed_at=now, busy_by=message.id, busy_until=now + BUSY)
        step = _permitted_step(tx, taken, integration)
        if step == "create" and standing.holds("switched_off"):
            taken, step = replace(taken, state="unmatched", cause="switched_off"), "none"
        if step == "settle":
            taken, step = replace(taken, state="absent", cause=None, sealed=None), "none"
        tx.handovers.put(taken)
        return Begun(handover=taken, step=step)

    return take


def _permitted_step(
    tx: Transaction, handover: StoredHandover, integration: StoredIntegration
) -> HandoverStep:
    step = next_step(handover.desired, handover.state, handover.cause)
    if step == "create" or (step == "update" and handover.desired == "present"):
        if not integration.sends:
            return "none"
        if tx.handovers.is_removal_due(integration.account_id, integration.id):
            raise Busy("What is to be removed goes first.", retry_after=1)
    return step


def require_unchanged(standing: Standing) -> None:
    """Raise Busy where something stands against telling more of a call: the next attempt decides on it."""
    if any(standing.holds(fact) for fact in _AGAINST):
        raise Busy("The recording changed meanwhile.", retry_after=1)


def writes(
    message: Message, handover: StoredHandover, event: EventType, **changes: Any
) -> Callable[[Transaction, Standing], bool]:
    """Return what notes and logs that a write leaves now; False if what is desired has changed meanwhile."""

    def note(tx: Transaction, standing: Standing) -> bool:
        locked = tx.handovers.lock(handover.id)
        if locked is None or locked.version != handover.version or locked.busy_by != message.id:
            return False
        require_unchanged(standing)
        now = tx.now()
        tx.handovers.put(replace(locked, changed_at=now, sent_at=now, busy_until=now + BUSY, **changes))
        log_handover(tx, event, locked)
        return True

    return note


def finish(
    handover: StoredHandover, event: EventType | None = None, *, more: str = "", **changes: Any
) -> Callable[[Transaction], bool]:
    """Return what notes how a step ended, and logs it; what is desired may have changed meanwhile, and stays.

    It returns whether nothing more is to be done, as ``begin`` would: whatever changes what is desired puts a message
    of its own into the outbox.
    """

    def note(tx: Transaction) -> bool:
        locked = tx.handovers.lock(handover.id)
        if locked is None:
            return True
        done = replace(locked, changed_at=tx.now(), **changes)
        is_old = locked.version != handover.version
        if done.state == "present" and is_old:
            # What was written is that of before, such as a note.
            done = replace(done, state="outdated")
        integration = tx.integrations.get(locked.account_id, locked.integration_id)
        if integration is not None and integration.state == "ended":
            done = settled(done)
        is_over = is_old or next_step(done.desired, done.state, done.cause) == "none"
        if is_over and done.busy_by == handover.busy_by:
            # A removal does not wait for the other messages of this turn.
            done = replace(done, busy_by=None, busy_until=None)
        tx.handovers.put(done)
        if event is not None:
            log_handover(tx, event, locked, more=more)
            tx.integrations.succeeded(handover.integration_id, tx.now())
        return is_over

    return note
