"""Erase what is stored of a call: its recordings, as ``lifecycle.erase`` does, and its facts."""

from collections.abc import Collection, Sequence
from datetime import datetime

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import GONE, Recording
from vault.domain.retention.hold import Hold
from vault.domain.retention.judge import Wish
from vault.errors import Held
from vault.services.lifecycle import lifecycle
from vault.services.shared.clock_skew import checked_now


def holds_on_call(tx: Transaction, account_id: str, call_ref: str) -> Sequence[Hold]:
    """Return the holds that cover a call, whether it has recordings or facts alone."""
    return tx.holds.covering_call(account_id, call_ref, checked_now(tx))


def forbid_held(tx: Transaction, account_id: str, call_ref: str) -> None:
    """Raise Held if a hold covers the call. The caller holds the account's and the call's lock."""
    if held := holds_on_call(tx, account_id, call_ref):
        raise Held([hold.id for hold in held])


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
