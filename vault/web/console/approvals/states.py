"""The state of an approval as its pages say it: what became of the act, and not of the question alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.requests.request import Request as Closure
from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.web.console.here import Here
from vault.web.http.translations import translatable, translated

#: Words and the tone of their badge.
Shown = tuple[str, str]
_STATES: Final[Mapping[ApprovalState, Shown]] = {
    ApprovalState.PENDING: (translatable("waits for approval"), "warn"),
    ApprovalState.APPROVED: (translatable("approved"), "warn"),
    ApprovalState.EXECUTED: (translatable("carried out"), "good"),
    ApprovalState.VETOED: (translatable("vetoed"), "bad"),
    ApprovalState.EXPIRED: (translatable("expired"), "quiet"),
}
_TAKEN_BACK: Final[Shown] = (translatable("taken back by who asked"), "quiet")
#: An approved closure waits for days, in which it can be taken back.
_CLOSURES: Final[Mapping[RequestState, Shown]] = {
    RequestState.REVIEW: (translatable("approved, not begun"), "warn"),
    RequestState.EXECUTING: (translatable("being carried out"), "warn"),
    RequestState.WITHDRAWN: (translatable("approved, then taken back"), "quiet"),
}


async def newest_closure(here: Here, approvals: Sequence[Approval]) -> Closure | None:
    """Return the account's newest closure, if any of these has led to one."""
    if not any(_has_closed(one) for one in approvals):
        return None
    try:
        return await here.vault.requests.closures.read(here.account_id)
    except NotFound:
        return None


def closure_of(approval: Approval, newest: Closure | None) -> Closure | None:
    """Return the newest closure if this approval has begun it: it was stored while that was carried out."""
    if newest is None or not _has_closed(approval) or approval.decided_at is None:
        return None
    ended_at = approval.ended_at or newest.created_at
    return newest if approval.decided_at <= newest.created_at <= ended_at else None


def shown_state(approval: Approval, newest: Closure | None) -> Shown:
    """Return the state in words, with the tone of its badge. ``newest``: the account's newest closure."""
    words, tone = _STATES[approval.state]
    if approval.state is ApprovalState.VETOED and approval.decided_by == approval.asked_by:
        words, tone = _TAKEN_BACK
    elif _has_closed(approval) and newest is not None:
        # A later closure is only possible after this one was taken back.
        mine = closure_of(approval, newest)
        state = RequestState.WITHDRAWN if mine is None else mine.state
        words, tone = _CLOSURES.get(state, (words, tone))
    return translated(words), tone


def _has_closed(approval: Approval) -> bool:
    return approval.kind == "account_closure" and approval.state is ApprovalState.EXECUTED
