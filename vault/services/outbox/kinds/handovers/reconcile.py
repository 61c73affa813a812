"""Bring what stands in a system nearer to what is desired, with tokens that are renewed and a budget that is kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.crm.verdict import Unauthorized
from vault.domain.handover.integration import REMOVE, WRITE, destination_of
from vault.domain.outbox.attempt import Attempt, Outcome
from vault.domain.outbox.message import Message
from vault.ports.clock import Clock
from vault.services.handover.budgets import Windows
from vault.services.handover.grants import GrantEnded, Grants, RefreshFailed
from vault.services.handover.stored_integration import OpenedIntegration
from vault.services.outbox.kind import Permission
from vault.services.outbox.kinds.handovers.exchange import AttemptEnds, Exchange, failed_attempt
from vault.services.outbox.kinds.handovers.work import Work, WorkParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Carry out the steps of one message."""

    database: Database
    parts: WorkParts
    grants: Grants
    clock: Clock
    _windows: Windows = field(default_factory=Windows)

    async def __call__(self, opened: OpenedIntegration, permission: Permission) -> Attempt:
        """Return how it ended. Raises FetchFailed and other VaultErrors."""
        is_new = False
        try:
            if self.grants.is_over(opened):
                opened, is_new = await self._refreshed(opened, permission), True
            ended = await self._run(opened, permission)
            if isinstance(ended.refused, Unauthorized) and opened.secrets.grant is not None and not is_new:
                # Some systems end an access token before its time.
                opened = await self._refreshed(opened, permission)
                ended = await self._run(opened, permission)
        except GrantEnded:
            return Attempt(
                outcome=Outcome.FAILED, failure=f"{opened.system.title} wants to be authorized again."
            )
        except RefreshFailed as failed:
            return failed_attempt(f"{opened.system.title} gives no new tokens now.", asked=failed.asked)
        if ended.refused is not None:
            await self.grants.lose(opened.stored)
        await self._let_writes_wait(opened, permission.message)
        return ended.attempt

    def wait(self, opened: OpenedIntegration, message: Message) -> timedelta | None:
        """Return after which time another message like this one may begin; None: now."""
        return opened.budget.wait(message.type, self.clock(), begins=True)

    async def _let_writes_wait(self, opened: OpenedIntegration, message: Message) -> None:
        """Let no write begin where a removal has learnt that the rest of the budget is kept for removals."""
        budget = opened.budget
        if message.type != REMOVE or budget.lets_writes_wait:
            return
        if (wait := budget.wait(WRITE, self.clock(), begins=True)) is not None:
            budget.lets_writes_wait = True
            writes_to = destination_of(opened.stored.id, removals=False)
            await self.database.write(lambda tx: tx.outbox_outcomes.let_wait(writes_to, wait))

    async def _run(self, opened: OpenedIntegration, permission: Permission) -> AttemptEnds:
        work = Work(
            self.parts,
            Exchange(
                opened=opened,
                permission=permission,
                clock=self.clock,
                windows=self._windows,
                database=self.database,
            ),
        )
        try:
            return AttemptEnds(await work.run())
        except AttemptEnds as end:
            return end

    async def _refreshed(self, opened: OpenedIntegration, permission: Permission) -> OpenedIntegration:
        async def begin(work: Callable[[Transaction], Any]) -> Any:
            return await permission.renew(lambda tx, _standing: work(tx))

        new = await self.grants.refresh(opened, begin, permission.request)
        return replace(new, budget=opened.budget)
