"""Ask a second person for the erasures that withdrawals of consent began, where the account's rule wants that.

What a party withdrew is restricted immediately, and its erasure waits (``pending_erasures``). The question is the
worker's: who reports consent may not erase. It is asked again while nobody decides on it; a veto ends the wait, and
the recording stays restricted.
"""

from collections.abc import Sequence
from typing import Final

from vault.database.stores.retention.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import Approval, ApprovalState, digest_of, time_to_approve
from vault.domain.approvals.rule import Verb
from vault.domain.ids import new_id
from vault.domain.recordings.recording import GONE
from vault.errors import Refused
from vault.services.approvals.ask import ask_in
from vault.services.lifecycle.guards import judge_now
from vault.services.shared.clock_skew import checked_now
from vault.structured_log import Log

_LOG = Log(__name__)
_VERB: Final[Verb] = "recording_erasure"
_WORKER: Final = "worker"
#: Vetoes of one recording's erasure that are looked at: the newest.
_VETOES: Final = 200


def waits_for_approval(tx: Transaction, pending: PendingErasure) -> bool:
    """Return whether the account's rule wants a second person for an erasure that waits."""
    return pending.cause == "withdrawal" and tx.approval_rules.get(pending.account_id).gates(_VERB)


def waiting_erasures(tx: Transaction, account_id: str, call_ref: str) -> Sequence[PendingErasure]:
    """Return the erasures of a call's recordings that wait for a second person."""
    found = (tx.pending_erasures.get(one.id) for one in tx.recordings.of_call(account_id, call_ref))
    return [one for one in found if one is not None and waits_for_approval(tx, one)]


def ask_to_erase(tx: Transaction, pending: PendingErasure) -> None:
    """Ask a second person for an erasure that nothing else stops any more; after a veto it does not wait any more."""
    account_id, recording_id = pending.account_id, pending.recording_id
    tx.lock_account(account_id, exclusive=True)
    if not waits_for_approval(tx, pending):
        return
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None or recording.state in GONE or tx.pending_erasures.get(recording_id) is None:
        return
    if _is_vetoed(tx, pending):
        tx.pending_erasures.remove(recording_id)
        return
    if judge_now(tx, recording, "withdrawal", checked_now(tx)).outcome != "due":
        return
    now = tx.now()
    asked = Approval(
        id=new_id("appr"),
        account_id=account_id,
        kind=_VERB,
        subject=recording_id,
        asked_by=_WORKER,
        asked_at=now,
        approve_by=now + time_to_approve(_VERB),
        effect={"recordings": 1},
        effect_digest=digest_of([recording_id]),
    )
    try:
        ask_in(tx, asked)
    except Refused:
        # As many wait as may: the next sweep asks again.
        _LOG.warning("approval.not_asked", account_id=account_id)


def _is_vetoed(tx: Transaction, pending: PendingErasure) -> bool:
    vetoed = tx.approvals.page(
        pending.account_id, state=ApprovalState.VETOED, now=tx.now(), before=None, limit=_VETOES,
        kinds=(_VERB,), subject=pending.recording_id,
    )  # fmt: skip
    return any(one.asked_by == _WORKER and one.asked_at >= pending.since for one in vetoed)
