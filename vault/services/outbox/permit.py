"""Claim messages and permit their sending: their subject is read again, and what is sent is in the log before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vault.database.stores.outbox.claims import Claim
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.outbox.message import Fact, Message, Standing, Turn
from vault.domain.recordings.recording import GONE
from vault.services.lifecycle.guards import may_be_held
from vault.services.outbox.kind import AnyKind
from vault.services.shared.clock_skew import checked_now

#: How long a message waits before its subject is looked at again.
_LOOK_AGAIN: Final = timedelta(minutes=15)
#: How long a message of a kind waits that only another release has.
_UNKNOWN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """Messages of a turn that may be sent, in their order."""

    turn: Turn
    kind: AnyKind
    #: Who receives them, as the kind has read it.
    stored: Any
    messages: Sequence[tuple[Message, Standing]]


def permit(tx: Transaction, wanted: Claim, kinds: Mapping[str, AnyKind]) -> Sequence[Permitted]:
    """Claim messages; return those that may be sent now, and delete or put off the others.

    The row of a message is locked before its subject is read: an erasure that commits first has deleted it.
    """
    permitted, events = [], list[AccessEvent]()
    for turn in tx.outbox_claims.claim(wanted):
        kind = kinds.get(turn.messages[0].kind)
        if kind is None:
            _put_off(tx, turn, turn.messages, _UNKNOWN)
        elif (one := _permit_turn(tx, turn, kind, events)) is not None:
            permitted.append(one)
    tx.events.append(*events)
    return permitted


def _permit_turn(tx: Transaction, turn: Turn, kind: AnyKind, events: list[AccessEvent]) -> Permitted | None:
    stored = kind.read(tx, turn.account_id, turn.destination)
    rules = {one.id: kind.rules(one) for one in turn.messages}
    facts = {fact for one in rules.values() for fact in one.facts}
    standings = read_standings(tx, turn.account_id, turn.messages, facts)
    sends, waits, drops = [], [], []
    for message in turn.messages:
        standing = standings[message.id]
        then = rules[message.id].then(standing)
        if then == "drop" or stored is None:
            drops.append(message)
        elif then == "wait":
            waits.append(message)
            if turn.is_ordered:
                break
        else:
            sends.append((message, standing))
    if drops:
        tx.outbox_outcomes.delete(turn, [one.id for one in drops])
        events += [message_event("message.superseded", one, turn.at) for one in drops]
    if waits:
        behind = turn.messages[turn.messages.index(waits[-1]) :] if turn.is_ordered else waits
        _put_off(tx, turn, behind, _LOOK_AGAIN)
    if not sends:
        tx.outbox_claims.schedule(turn.destination)
        return None
    events += [message_event("message.sent", one, turn.at) for one, _ in sends if one.attempts == 1]
    return Permitted(turn=turn, kind=kind, stored=stored, messages=sends)


def permit_again(
    tx: Transaction, turn: Turn, message: Message, kind: AnyKind, *, lease: timedelta
) -> Standing | None:
    """Return the standing of the subject of a message on its way, read again; None if it may not be sent any more.

    Its lease is as long as at first from then on.
    """
    tx.lock_account(message.account_id)
    if not tx.outbox_outcomes.renew(turn, message.id, lease):
        return None
    rules = kind.rules(message)
    standing = read_standings(tx, turn.account_id, [message], rules.facts)[message.id]
    return standing if rules.then(standing) == "send" else None


def read_standings(
    tx: Transaction, account_id: str, messages: Sequence[Message], facts: Collection[Fact]
) -> Mapping[str, Standing]:
    """Read these facts about the subject of each message. What cannot be read stands against it."""
    common: dict[Fact, bool] = {}
    if "switched_off" in facts:
        common["switched_off"] = not tx.accounts.switch(account_id).enabled
    about = sorted({one.recording_id for one in messages if one.recording_id is not None})
    if not {*facts} & {"restricted", "held"}:
        there = tx.recordings.not_gone(account_id, about) if "erased" in facts and about else set()
        of_recording = {one: _erased(is_erased=one not in there) for one in about}
    else:
        reads_holds = "held" in facts
        of_recording = {one: _read_recording(tx, account_id, one, reads_holds=reads_holds) for one in about}
    none = _erased(is_erased=False)
    standings = {}
    for one in messages:
        read = {**common, **of_recording.get(one.recording_id or "", none)}
        standings[one.id] = Standing({fact: read[fact] for fact in facts})
    return standings


def _erased(*, is_erased: bool) -> dict[Fact, bool]:
    return {"erased": is_erased, "restricted": False, "held": False}


def _read_recording(
    tx: Transaction, account_id: str, recording_id: str, *, reads_holds: bool
) -> dict[Fact, bool]:
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None or recording.state in GONE:
        return _erased(is_erased=True)
    return {
        "erased": False,
        "restricted": recording.restricted,
        "held": reads_holds and may_be_held(tx, recording, checked_now(tx)),
    }


def message_event(type_: EventType, message: Message, at: datetime) -> AccessEvent:
    """Return the event of a message: its destination, its id, and the recording that it is about."""
    return AccessEvent(
        type=type_,
        at=at,
        account_id=message.account_id,
        actor="worker",
        recording_id=message.recording_id,
        result=f"{message.destination}/{message.id}",
    )


def _put_off(tx: Transaction, turn: Turn, messages: Sequence[Message], wait: timedelta) -> None:
    """Let messages wait; where order was asked for, all of their destination."""
    outcomes, until = tx.outbox_outcomes, turn.at + wait
    outcomes.put_back_unsent(turn, [one.id for one in messages], until)
    if turn.is_ordered:
        outcomes.block(turn.destination, until)
    tx.outbox_claims.schedule(turn.destination)
