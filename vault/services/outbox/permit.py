"""Claim messages and permit their sending: their subject is read again, and what is sent is in the log before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.stores.outbox.claims import Claim
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.outbox.message import ClaimedMessage, Message, Standing
from vault.domain.recordings.recording import GONE
from vault.errors import Tampered
from vault.services.outbox.kind import OutboxKind
from vault.services.shared.clock_skew import checked_now
from vault.structured_log import Log

_LOG = Log(__name__)
#: How long a message waits before its subject is looked at again.
_LOOK_AGAIN: Final = timedelta(minutes=15)
#: How long a message of a kind waits that only another release has.
_UNKNOWN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """A message under a lease that may be sent."""

    claimed: ClaimedMessage
    kind: OutboxKind
    standing: Standing


def permit(tx: Transaction, wanted: Claim, kinds: Mapping[str, OutboxKind]) -> Sequence[Permitted]:
    """Claim messages; return those that may be sent now, and delete or put off the others.

    The row of a message is locked before its subject is read: an erasure that commits first has deleted it.
    """
    permitted = []
    for claimed in tx.outbox_claims.claim(wanted):
        message = claimed.message
        kind = kinds.get(message.kind)
        if kind is None:
            _put_off(tx, claimed, _UNKNOWN)
            continue
        standing = read_standing(tx, message)
        then = kind.rules(message).then(standing)
        if then == "send":
            if message.attempts == 1:
                log(tx, "message.sent", message)
            permitted.append(Permitted(claimed=claimed, kind=kind, standing=standing))
        elif then == "wait":
            _put_off(tx, claimed, _LOOK_AGAIN)
        else:
            tx.outbox_outcomes.delete(claimed)
            tx.outbox_claims.schedule(message.destination)
            log(tx, "message.superseded", message)
    return permitted


def read_standing(tx: Transaction, message: Message) -> Standing:
    """Read what stands against a message. What cannot be read stands against it."""
    is_on = tx.accounts.switch(message.account_id).enabled
    if message.recording_id is None:
        return Standing(is_switched_on=is_on)
    recording = tx.recordings.get(message.account_id, message.recording_id)
    if recording is None or recording.state in GONE:
        return Standing(is_switched_on=is_on, is_erased=True)
    try:
        is_held = bool(tx.holds.covering(recording, checked_now(tx)))
    except Tampered:
        _LOG.error("retention.hold_unreadable", account_id=message.account_id)
        is_held = True
    return Standing(is_switched_on=is_on, is_restricted=recording.restricted, is_held=is_held)


def log(tx: Transaction, type_: EventType, message: Message) -> None:
    """Append an event of a message: its destination, its id, and the recording that it is about."""
    tx.events.append(
        AccessEvent(
            type=type_,
            at=tx.now(),
            account_id=message.account_id,
            actor="worker",
            recording_id=message.recording_id,
            result=f"{message.destination}/{message.id}",
        )
    )


def _put_off(tx: Transaction, claimed: ClaimedMessage, wait: timedelta) -> None:
    tx.outbox_outcomes.put_back(claimed, tx.now() + wait, counts=False)
    tx.outbox_claims.schedule(claimed.message.destination)
