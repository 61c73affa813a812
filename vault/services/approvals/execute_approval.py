"""Carry out what was approved, exactly once, and end what was not decided in time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import Approval, ApprovalState, asked_again, ended, require_true
from vault.domain.approvals.rule import RULES, Verb
from vault.errors import (
    AccountClosed,
    Busy,
    EffectChanged,
    Invalid,
    NotFound,
    Refused,
    Tampered,
    TooLarge,
    VaultError,
)
from vault.services.approvals.ask import AskApproval
from vault.services.shared.approval_gate import Approved, Rehearsal, Rehearsed, event_of
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Does an act: the same method of the same service as REST calls, with the arguments as they were stored.
Act = Callable[[Approved, Mapping[str, Any]], Awaitable[object]]
_BATCH_SIZE: Final = 50
#: Acts whose effect is counted; of all others it is a version.
_COUNTS: Final[frozenset[Verb]] = frozenset(
    {
        "recording_erasure", "erasure_within_minimum", "call_erasure", "request_erasure", "request_export",
        "account_closure", "hold_release", "member_invitation", "member_roles", "member_recovery",
    }
)  # fmt: skip
#: Errors that say that the act will not be possible: the approval ends with their code.
_HOPELESS = (Refused, NotFound, Invalid, Tampered, TooLarge)


class _Arguments(dict[str, Any]):
    """The arguments of an act as they were stored, maybe by another release."""

    def __missing__(self, name: str) -> Any:
        raise not_taken(name)


def not_taken(field: str) -> Invalid:
    """Return what is said of stored arguments that this release does not take."""
    return Invalid(
        "This release does not take what was asked for with an earlier one. Veto it, and ask again.",
        field=field,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteApproval:
    """Carry out one approval."""

    database: Database
    ask: AskApproval
    acts: Mapping[Verb, Act]

    async def __call__(self, approval: Approval) -> Approval:
        """Do what was approved, and return the approval as it is then.

        It marks itself as executed in the transaction of the act. What has changed since is asked again, with a new
        digest; what cannot be done any more ends as expired, with the code of the reason. Raises Unavailable and Busy,
        after which it is still approved: the worker tries again.
        """
        text = await self.ask.open(approval)
        try:
            require_true(approval, text)
            if not RULES[approval.kind].when_closed:
                await self.database.read(partial(_check_open, approval.account_id))
            await self.acts[approval.kind](Approved(approval=approval), _Arguments(text.arguments))
        except Busy:
            raise
        except EffectChanged as changed:
            effect, digest = changed.effect, changed.effect_digest
            await self.database.write(
                lambda tx: _write(
                    tx,
                    approval,
                    asked_again(approval, text, effect, digest, now=tx.now()),
                    "approval.requested",
                )
            )
        except _HOPELESS as error:
            code = error.reasons[0] if isinstance(error, Refused) and error.reasons else _code(error)
            await self.database.write(lambda tx: _expire(tx, approval, code))
        return await self.database.read(
            lambda tx: tx.approvals.get(approval.account_id, approval.id) or approval
        )

    async def rehearse(self, approval: Approval) -> Mapping[str, int] | None:
        """Return what it would do now, in numbers; None for an act that counts nothing. Nothing is written.

        Raises what forbids the act now, Unavailable.
        """
        if approval.kind not in _COUNTS:
            return None
        text = await self.ask.open(approval)
        require_true(approval, text)
        try:
            await self.acts[approval.kind](Rehearsal(approval=approval), _Arguments(text.arguments))
        except Rehearsed as at_gate:
            return at_gate.effect
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleApprovals:
    """Carry out approvals that a crash or an outage left, and write down those whose time is over."""

    database: Database
    execute: ExecuteApproval

    def jobs(self) -> Sequence[Job]:
        """Return the search for approvals that a crash left, or whose time is over."""
        return [IntervalJob(name="settle_approvals", run=self, every=EACH_MINUTE, needs_objects=False)]

    async def __call__(self) -> None:
        """Settle everything that can be settled now; what fails stays for the next run, until its time is over."""
        found = await self.database.read(lambda tx: tx.approvals.open(limit=_BATCH_SIZE, now=tx.now()))
        for approval in found:
            now = await self.database.read(lambda tx: tx.now())
            code = approval.overdue(now)
            if code is not None:
                await self.database.write(lambda tx, one=approval, code=code: _expire(tx, one, code))  # type: ignore[misc]
                continue
            try:
                await self.execute(approval)
            except VaultError as error:
                _LOG.warning("approval.waits", account_id=approval.account_id, error=type(error).__name__)


def _check_open(account_id: str, tx: Transaction) -> None:
    if tx.closures.has_begun(account_id):
        raise AccountClosed


def _code(error: VaultError) -> str:
    return {Invalid: "invalid", Tampered: "tampered", TooLarge: "too_large"}.get(type(error), "not_found")


def _expire(tx: Transaction, approval: Approval, code: str) -> None:
    _write(
        tx, approval, ended(approval, ApprovalState.EXPIRED, now=tx.now(), outcome=code), "approval.expired"
    )


def _write(tx: Transaction, was: Approval, becomes: Approval, kind: Any) -> None:
    """Write a state with its event, unless another process was first."""
    tx.lock_account(was.account_id, exclusive=True)
    if tx.approvals.change(becomes, was=was):
        tx.events.append(event_of(becomes, kind, tx, actor="worker"))
