"""Back-fills of the policy on card data: their size before, their progress, and people who begin, pause and stop them.

``vault/services/recordings/run_back_fills.py`` carries them out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.back_fill import BackFill, BackFillSize, BackFillState, BackFillWish
from vault.domain.recordings.card_data import Policy
from vault.errors import NotFound, Refused
from vault.sentence import Sentence

#: What became of a back-fill, as the log has it.
_Result = Literal["begun", "paused", "continued", "stopped", "done"]
_RESULTS: Final[dict[BackFillState, _Result]] = {
    "running": "continued", "paused": "paused", "stopped": "stopped", "done": "done",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFillPreview:
    """What a back-fill would search now."""

    keyed_digits: Policy
    #: Recordings that arrived before this: when the policy was set, or now where it is off.
    before: datetime
    size: BackFillSize


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFills:
    """Search the recordings that were there before the policy of an account; one back-fill at a time for each."""

    database: Database

    async def preview(self, account_id: str) -> BackFillPreview:
        """Return what there is to search. Nothing is decoded, so nobody knows yet what will be found."""

        def count(tx: Transaction) -> BackFillPreview:
            policy = tx.card_data.policy(account_id)
            is_on = policy.keyed_digits != "off" and policy.changed_at is not None
            before = policy.changed_at if is_on and policy.changed_at is not None else tx.now()
            size = tx.card_data_back_fills.size(account_id, before)
            return BackFillPreview(keyed_digits=policy.keyed_digits, before=before, size=size)

        return await self.database.read(count)

    async def read(self, account_id: str) -> BackFill | None:
        """Return the newest one, with its progress; None before the first."""
        return await self.database.read(lambda tx: tx.card_data_back_fills.of(account_id))

    async def begin(self, account_id: str, *, expected: Policy, actor: str) -> BackFill:
        """Begin one. Raises Refused if the policy is off or another one than expected, or one is not over."""
        preview = await self.preview(account_id)

        def begin(tx: Transaction) -> BackFill:
            tx.lock_account(account_id, exclusive=True)
            policy, before = tx.card_data.policy(account_id), tx.card_data_back_fills.of(account_id)
            if before is not None and not before.is_over:
                raise Refused("A back-fill is not over yet. Stop it first.", reasons=("back_fill_not_over",))
            if policy.keyed_digits == "off" or policy.changed_at is None:
                text = "Nothing is done about keyed digits. Set the policy first."
                raise Refused(text, reasons=("policy_off",))
            if (policy.keyed_digits, policy.changed_at) != (expected, preview.before):
                raise Refused("The policy was changed meanwhile. Look at it again.", reasons=("changed",))
            now = tx.now()
            one = BackFill(
                account_id=account_id, keyed_digits=policy.keyed_digits, policy_at=policy.changed_at,
                state="running", begun_at=now, begun_by=actor, changed_at=now, changed_by=actor,
                recordings=preview.size.recordings, seconds=preview.size.seconds,
            )  # fmt: skip
            tx.card_data_back_fills.begin(one)
            log_back_fill(tx, one, "begun", actor)
            return one

        return await self.database.write(begin)

    async def change(self, account_id: str, wish: BackFillWish, *, actor: str) -> BackFill:
        """Pause it, let it go on or stop it; return it. When this returns, no recording is changed any more.

        Raises NotFound before the first one, Refused for one that is over.
        """

        def change(tx: Transaction) -> BackFill:
            tx.lock_account(account_id, exclusive=True)
            one = tx.card_data_back_fills.of(account_id)
            if one is None:
                raise no_back_fill()
            if one.state == wish:
                return one
            if one.is_over:
                text = Sentence("This back-fill is over: %(state)s. Begin another one.", state=one.state)
                raise Refused(text, reasons=(one.state,))
            return change_back_fill(tx, one, wish, actor)

        return await self.database.write(change)


def change_back_fill(tx: Transaction, one: BackFill, state: BackFillState, actor: str) -> BackFill:
    """Put it into another state, which is logged, and return it; as it is, if it has changed since it was read."""
    cause = None if state != "stopped" else "policy_changed" if actor == "worker" else "asked"
    changed = tx.card_data_back_fills.change(
        one, state=state, cause=cause, changed_at=tx.now(), changed_by=actor
    )
    if changed:
        log_back_fill(tx, one, _RESULTS[state], actor)
    return tx.card_data_back_fills.of(one.account_id) or one


def log_back_fill(tx: Transaction, one: BackFill, result: _Result, actor: str) -> None:
    """Say in the log what became of it."""
    event = AccessEvent(
        type="card_data.back_fill", at=tx.now(), account_id=one.account_id, actor=actor, result=result
    )
    tx.events.append(event)


def no_back_fill() -> NotFound:
    """Return the error of an account that has begun none."""
    return NotFound("This account has begun no back-fill.")
