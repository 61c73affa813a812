"""The guard of every erasure: holds and minima, read afresh under the locks of the account and the call.

Who asks: ``lifecycle._change`` for recordings; ``erase_call.forget_facts`` and ``remove_erased`` for the facts of
calls; ``quarantine`` and ``gate.decide_again`` for what waits in quarantine. Who does not: see ``GUARDS``.

``judge_now`` also tells what to do where an erasure is forbidden: a person's wish waits, everything else is refused.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from vault.database.stores.retention.retention_policies import RetentionMarks, RetentionPolicies
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import EMPTY, Recording, State
from vault.domain.recordings.transitions import ERASE, Transition
from vault.domain.retention.hold import Hold
from vault.domain.retention.judge import PERSONS, Judgement, Reason, Wish, judge
from vault.domain.retention.policy import RetentionClass
from vault.domain.retention.terms import Bound, RetentionTerms
from vault.errors import Busy, Held, Refused, Tampered
from vault.services.shared.clock_skew import checked_now
from vault.structured_log import Log

_LOG = Log(__name__)
_UNKNOWN = "The retention of this recording is being computed. Retry in a minute."


def forbid_early_erasure(tx: Transaction, recording: Recording, transition: Transition, wish: Wish) -> None:
    """Raise Held or Refused unless holds and minima permit an erasure that ``wish`` asks for."""
    if transition is not ERASE or recording.state in EMPTY:
        # Only what never became available is refused or fails, and neither holds nor minima bind that.
        return
    judgement = judge_now(tx, recording, wish, checked_now(tx))
    if judgement.outcome == "due":
        return
    first = judgement.reasons[0]
    if first.code == "held":
        raise Held([reason.source for reason in judgement.reasons if reason.code == "held" and reason.source])
    if first.code == "not_computed":
        raise Busy(_UNKNOWN, retry_after=60)
    raise Refused(f"It must be kept. {first.text}", reasons=(first.code,))


def forbid_held_recording(tx: Transaction, recording: Recording) -> None:
    """Raise Held if a hold covers the recording, Tampered if a hold cannot be read."""
    if held := tx.holds.covering(recording, checked_now(tx)):
        raise Held([hold.id for hold in held])


def holds_on_call(tx: Transaction, account_id: str, call_ref: str) -> Sequence[Hold]:
    """Return the holds that cover a call, whether it has recordings or facts alone."""
    return tx.holds.covering_calls(account_id, [call_ref], checked_now(tx))


def forbid_held_call(tx: Transaction, account_id: str, call_ref: str) -> None:
    """Raise Held if a hold covers the call. The caller holds the account's and the call's lock."""
    if held := holds_on_call(tx, account_id, call_ref):
        raise Held([hold.id for hold in held])


def may_be_held(tx: Transaction, recording: Recording, now: datetime) -> bool:
    """Return whether a hold covers the recording, or one of its account that cannot be read may."""
    try:
        return bool(tx.holds.covering(recording, now))
    except Tampered:
        _LOG.error("retention.hold_unreadable", account_id=recording.account_id)
        return True


def judge_now(
    tx: Transaction, recording: Recording, wish: Wish | None, now: datetime, *, ahead: timedelta = timedelta()
) -> Judgement:
    """Judge a recording by what this transaction sees. The caller holds the account's lock.

    A hold or a policy that cannot be read, or terms that another version of it computed, keep the recording.
    ``ahead``: so much later, by the policies of now: holds and minima may have ended then.
    """
    try:
        holds = tx.holds.covering(recording, now + ahead)
    except Tampered:
        _LOG.error("retention.hold_unreadable", account_id=recording.account_id)
        return _not_computed()
    try:
        policies = tx.retention.policies(recording.account_id, now)
    except Tampered:
        _LOG.error("retention.policy_unreadable", account_id=recording.account_id)
        return _not_computed()
    if recording.state is not State.AVAILABLE:
        # The policy counts from the gate on.
        return judge(RetentionTerms(version=policies.current.version), holds, wish, now + ahead)
    marks = tx.retention.marks(recording.id)
    if marks is None or marks.policy_version != policies.stamp:
        depends = wish is None or wish == "retention" or (wish != "ground" and _may_stop(policies, wish))
        if not holds and depends:
            return _not_computed()
        marks = None
    return judge(terms_of_marks(marks, policies), holds, wish, now + ahead)


def terms_of_marks(marks: RetentionMarks | None, policies: RetentionPolicies) -> RetentionTerms:
    """Return the terms that a row says; without marks those of a recording that nothing limits."""
    if marks is None:
        return RetentionTerms(version=policies.current.version)
    classes = _classes(policies)
    ends_by = {kept.at_end for kept in classes if kept.name == marks.retention_class}
    ends = ((marks.legal_until, "legal_obligation"), (marks.minimum_until, "business"))
    return RetentionTerms(
        version=policies.current.version,
        class_name=marks.retention_class,
        act_at=marks.act_at,
        minimum_until=marks.minimum_until,
        legal_until=marks.legal_until,
        # A class that is gone erases nothing by itself, nor does one of which a policy that counts says review.
        at_end="erase" if ends_by == {"erase"} else "review",
        bounds=tuple(
            Bound(
                kind="minimum", class_name=kept.name, period=str(kept.minimum), until=until,
                statute=kept.statute, ground=kept.minimum_ground,
            )
            for until, ground in ends if until is not None
            for kept in classes if kept.minimum is not None and kept.minimum_ground == ground
        ),
    )  # fmt: skip


def _classes(policies: RetentionPolicies) -> list[RetentionClass]:
    """Return the classes of the policies that wait and of the one in force, the newer ones first."""
    return [kept for policy in (*reversed(policies.waiting), policies.current) for kept in policy.classes]


def _may_stop(policies: RetentionPolicies, wish: Wish) -> bool:
    """Return whether a minimum of these policies can stop a wish: a business minimum does not stop a person."""
    return any(
        kept.minimum is not None and (wish not in PERSONS or kept.minimum_ground == "legal_obligation")
        for kept in _classes(policies)
    )


def _not_computed() -> Judgement:
    return Judgement(outcome="keep", reasons=(Reason(code="not_computed", text=_UNKNOWN),))


#: Called before a recording loses its keys, with whose wish it is; raises Refused, Held or Busy where it is forbidden.
Guard = Callable[[Transaction, Recording, Transition, Wish], None]
#: Every guard. To forbid erasures, add a function here. Two changes call no guard: a refusal of what is not
#: available yet by the switch, a no or an objection (``set_switch.refuse_in_flight``, the gate), over a hold too, and a
#: restore, which repeats what the log says has happened.
GUARDS: Final[tuple[Guard, ...]] = (forbid_early_erasure,)
