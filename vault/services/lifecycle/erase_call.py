"""Erase what is stored of a call: its recordings, as ``lifecycle.erase`` does, and its facts.

A person's erasure waits while a hold or a legal minimum stops it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from vault.database.stores.calls.call_facts import PendingCall
from vault.database.stores.retention.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import GONE, Recording
from vault.domain.retention.judge import Wish
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.guards import holds_on_call


def erase_recordings(
    tx: Transaction,
    account_id: str,
    recordings: Collection[Recording],
    *,
    actor: str,
    at: datetime,
    wish: Wish = "deletion",
    keep_packages: bool = False,
) -> bool:
    """Erase those recordings of a call that are not; return whether there were any. The caller holds both locks.

    ``keep_packages``: see ``lifecycle.erase``.
    Raises Held, and Refused before the end of a minimum that stops this ``wish``.
    """
    left = [recording for recording in recordings if recording.state not in GONE]
    for recording in left:
        lifecycle.erase(
            tx, account_id, recording.id, actor=actor, at=at, wish=wish, keep_packages=keep_packages
        )
    return bool(left)


def forget_facts(tx: Transaction, account_id: str, call_ref: str, *, actor: str, at: datetime) -> None:
    """Delete the facts of a call, and append the closing event. The caller holds the account's and the call's lock.

    Raises Held.
    """
    tx.call_facts.forget_call(account_id, call_ref, held=holds_on_call(tx, account_id, call_ref))
    tx.events.append(
        AccessEvent(type="call.erased", at=at, account_id=account_id, actor=actor, subject=call_ref)
    )


def forget_if_erased(
    tx: Transaction, account_id: str, call_ref: str, answers: Sequence[str], *, actor: str, at: datetime
) -> bool:
    """Delete the facts of a call and these consent events, by id; False while a recording of it is not erased.

    The caller holds the account's and the call's lock.
    """
    if any(one.state not in GONE for one in tx.recordings.of_call(account_id, call_ref)):
        return False
    forget_facts(tx, account_id, call_ref, actor=actor, at=at)
    tx.consents.forget(account_id, answers)
    return True


def await_erasure(tx: Transaction, recording: Recording, *, cause: Wish, actor: str, at: datetime) -> None:
    """Note that the recording is erased when nothing stops that any more; the caller restricts it immediately.

    The caller holds the account's and the call's lock. The first cause and time are kept: a repetition changes nothing.
    """
    pending = PendingErasure(
        recording_id=recording.id, account_id=recording.account_id, since=at, cause=cause, actor=actor
    )
    if not tx.pending_erasures.add(pending):
        tx.closing_acts.recall(recording.account_id, "recording.pending_erasure", recording.id)
        return
    tx.events.append(
        AccessEvent(
            type="recording.pending_erasure",
            at=at,
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
            result=cause,
        )
    )


def await_call_erasure(tx: Transaction, account_id: str, call_ref: str, *, actor: str, at: datetime) -> None:
    """Note that the facts of a call are erased when no hold covers it and no recording of it is left.

    The caller holds the account's and the call's lock. A repetition changes nothing.
    """
    pending = PendingCall(account_id=account_id, call_ref=call_ref, since=at, actor=actor)
    if not tx.pending_calls.add(pending):
        tx.closing_acts.recall(account_id, "call.pending_erasure", call_ref)
        return
    tx.events.append(
        AccessEvent(type="call.pending_erasure", at=at, account_id=account_id, actor=actor, subject=call_ref)
    )
