"""An act that waits for a second person: its states, its times, and the bytes that the second person approves."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from vault.domain.approvals.rule import ALWAYS, Verb
from vault.errors import Invalid, Refused, Tampered
from vault.rfc3339 import write_rfc3339
from vault.sentence import Sentence

Decision = Literal["approve", "veto"]
#: How long it can be approved, and how long after that the vault tries to carry it out.
APPROVE_WITHIN, EXECUTE_WITHIN = timedelta(hours=24), timedelta(hours=1)
#: The same for acts in ``ALWAYS``, which nothing waits for.
_APPROVE_LATE = timedelta(days=7)


class ApprovalState(StrEnum):
    """The state of an approval."""

    PENDING = "pending"
    APPROVED = "approved"
    VETOED = "vetoed"
    EXPIRED = "expired"
    EXECUTED = "executed"


#: The transitions, by the state that they leave. A state without any is final.
TRANSITIONS: Final[Mapping[ApprovalState, frozenset[ApprovalState]]] = {
    ApprovalState.PENDING: frozenset({ApprovalState.APPROVED, ApprovalState.VETOED, ApprovalState.EXPIRED}),
    # Back to pending: what would be done has changed since it was shown.
    ApprovalState.APPROVED: frozenset({ApprovalState.EXECUTED, ApprovalState.EXPIRED, ApprovalState.PENDING}),
}
FINAL: Final = frozenset(set(ApprovalState) - set(TRANSITIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalText:
    """The sealed texts of an approval."""

    #: What REST was sent, as JSON values.
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    #: Random, so that the digest, which is not sealed, tells nothing about the words.
    salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An act that one actor asked for, and that another one approves."""

    id: str
    account_id: str
    kind: Verb
    #: The id of what is acted on, or empty.
    subject: str
    asked_by: str
    asked_at: datetime
    approve_by: datetime
    #: What the act would do, as numbers that are counted again before it is done.
    effect: Mapping[str, int] = field(default_factory=dict)
    #: SHA-256 of the sorted ids of what the act is done to, in hexadecimal: the numbers may be equal where those are
    #: others. None in approvals of earlier releases, where the numbers are compared.
    effect_digest: str | None = None
    #: SHA-256 of ``document``, in hexadecimal.
    digest: str = ""
    state: ApprovalState = ApprovalState.PENDING
    decided_by: str | None = None
    decided_at: datetime | None = None
    #: The digest that the approver sent; None where an act in ``ALWAYS`` was approved without one.
    decided_digest: str | None = None
    execute_by: datetime | None = None
    ended_at: datetime | None = None
    #: A code, where it ended without being executed, or was asked again.
    outcome: str | None = None
    #: ``ApprovalText``, sealed; None for what the worker asks.
    sealed_text: str | None = None
    #: Keyed hash of verb and arguments, which finds a repeated question.
    term: bytes | None = None

    def at(self, now: datetime) -> "Approval":
        """Return it as it is now: expired once its time is over, also before the worker has written that."""
        outcome = self.overdue(now)
        if outcome is None:
            return self
        return replace(self, state=ApprovalState.EXPIRED, ended_at=self.ended_at or now, outcome=outcome)

    def overdue(self, now: datetime) -> str | None:
        """Return the code of the time that is over; None if none is."""
        if self.state is ApprovalState.PENDING and self.approve_by <= now:
            return "not_approved_in_time"
        if self.state is ApprovalState.APPROVED and self.execute_by is not None and self.execute_by <= now:
            return "not_executed_in_time"
        return None


def time_to_approve(verb: Verb) -> timedelta:
    """Return how long an act can be approved."""
    return _APPROVE_LATE if verb in ALWAYS else APPROVE_WITHIN


def document(approval: Approval, text: ApprovalText) -> bytes:
    """Return the bytes that are approved: canonical JSON, with sorted names, without spaces, in ASCII."""
    values: dict[str, Any] = {
        "v": 1,
        "id": approval.id,
        "account": approval.account_id,
        "act": approval.kind,
        "subject": approval.subject,
        "arguments": text.arguments,
        "effect": dict(approval.effect),
        "reason": text.reason,
        "asked_by": approval.asked_by,
        "asked_at": write_rfc3339(approval.asked_at, "microseconds"),
        "approve_by": write_rfc3339(approval.approve_by, "microseconds"),
        "salt": text.salt,
    }
    if approval.effect_digest is not None:
        values["effect_digest"] = approval.effect_digest
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def with_digest(approval: Approval, text: ApprovalText) -> Approval:
    """Return it with the digest of its document."""
    return replace(approval, digest=hashlib.sha256(document(approval, text)).hexdigest())


def require_true(approval: Approval, text: ApprovalText) -> None:
    """Raise Tampered if the digest does not match the approval with these texts: then its row was changed."""
    if not hmac.compare_digest(with_digest(approval, text).digest, approval.digest):
        raise Tampered("An approval is not what was asked.")


def require_pending(approval: Approval, now: datetime) -> None:
    """Raise Refused unless it still waits for a decision."""
    state = approval.at(now).state
    if state is ApprovalState.PENDING:
        return
    if state is ApprovalState.EXPIRED:
        end = write_rfc3339(approval.approve_by, "seconds")
        raise Refused(Sentence("Its time was over at %(at)s. Ask again.", at=end), reasons=("expired",))
    raise Refused(Sentence("It is %(state)s already.", state=state), reasons=("decided",))


def approve(approval: Approval, *, by: str, digest: str | None, now: datetime) -> Approval:
    """Return it approved, to be executed within an hour.

    Raises Refused if it does not wait or ``digest`` is another one, Invalid without a digest where one is needed.
    """
    require_pending(approval, now)
    if digest is None and approval.kind not in ALWAYS:
        raise Invalid("Send the digest of what you approve.", field="digest")
    if digest is not None and not hmac.compare_digest(digest.encode(), approval.digest.encode()):
        raise Refused(
            "The digest is not that of this approval as it is now. Read it again before you approve it.",
            reasons=("digest",),
        )
    return replace(
        approval,
        state=ApprovalState.APPROVED,
        decided_by=by,
        decided_at=now,
        decided_digest=digest,
        execute_by=now + EXECUTE_WITHIN,
        outcome=None,
    )


def veto(approval: Approval, *, by: str, now: datetime) -> Approval:
    """Return it vetoed, which is final. Raises Refused if it does not wait."""
    require_pending(approval, now)
    return replace(
        approval, state=ApprovalState.VETOED, decided_by=by, decided_at=now, ended_at=now, outcome=None
    )


def digest_of(things: Iterable[str]) -> str:
    """Return the digest of what an act is done to, in any order."""
    return hashlib.sha256(json.dumps(sorted(things)).encode()).hexdigest()


def is_same_effect(approval: Approval, effect: Mapping[str, int], effect_digest: str) -> bool:
    """Return whether an act would do what was approved; what is not bound by ids is bound by its numbers."""
    if approval.effect_digest is None:
        return dict(approval.effect) == dict(effect)
    return hmac.compare_digest(approval.effect_digest, effect_digest)


def asked_again(
    approval: Approval, text: ApprovalText, effect: Mapping[str, int], effect_digest: str, *, now: datetime
) -> Approval:
    """Return it pending again with another effect, and so another digest."""
    again = replace(
        approval,
        state=ApprovalState.PENDING,
        effect=dict(effect),
        effect_digest=effect_digest,
        approve_by=now + time_to_approve(approval.kind),
        decided_by=None,
        decided_at=None,
        decided_digest=None,
        execute_by=None,
        outcome="effect_changed",
    )
    return with_digest(again, text)


def ended(approval: Approval, state: ApprovalState, *, now: datetime, outcome: str | None = None) -> Approval:
    """Return it in a final state. Raises ValueError for a transition that is none."""
    if state not in TRANSITIONS.get(approval.state, frozenset()) or state not in FINAL:
        raise ValueError(f"{approval.state} does not become {state}.")
    return replace(approval, state=state, ended_at=now, outcome=outcome)
