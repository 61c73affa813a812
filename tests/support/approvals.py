"""What tests of approvals share: a rule, questions as REST asks them, decisions, and processes that die."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.support.retention import FIRST, SECOND, two_keys
from tests.support.service_house import House
from vault.domain.approvals.approval import Approval
from vault.domain.retention.judge import Ground
from vault.errors import ApprovalNeeded

THIRD = "key_third"


async def rule(house: House, *verbs: str, enabled: bool = True, actor: str = FIRST) -> None:
    """Set the account's rule."""
    await two_keys(house, THIRD)
    await house.vault.approvals.rules.set(house.account.id, enabled=enabled, verbs=verbs, actor=actor)


async def ask(
    house: House,
    recording_id: str,
    *,
    ground: Ground | None = None,
    actor: str = FIRST,
    reason: str | None = None,
) -> Approval:
    """Try to erase a recording, and ask for the approval that it needs, as REST does."""
    with pytest.raises(ApprovalNeeded) as needed:
        await house.vault.recordings.recordings.erase(
            house.account.id, recording_id, ground=ground, actor=actor
        )
    more = {} if ground is None else {"ground": ground}
    return await _ask(house, needed.value, "recording", recording_id, reason=reason, actor=actor, more=more)


async def ask_call(house: House, call: str = "call-1") -> Approval:
    """Try to erase a call, and ask for the approval that it needs."""
    with pytest.raises(ApprovalNeeded) as needed:
        await house.vault.recordings.calls.erase(house.account.id, call, actor=FIRST)
    return await _ask(house, needed.value, "call", call)


async def _ask(
    house: House,
    needed: ApprovalNeeded,
    name: str,
    subject: str,
    *,
    reason: str | None = None,
    actor: str = FIRST,
    more: Mapping[str, str] | None = None,
) -> Approval:
    arguments = {name: subject, **(more or {})}
    return await house.vault.approvals.approvals.ask(
        house.account.id, needed, subject=subject, arguments=arguments, reason=reason, actor=actor
    )


async def approve(
    house: House, asked: Approval, *, actor: str = SECOND, digest: str | None = None
) -> Approval:
    """Approve it, with its digest unless another one is given."""
    return await house.vault.approvals.approvals.decide(
        house.account.id, asked.id, "approve", digest=digest or asked.digest, actor=actor
    )


async def approved_only(house: House, asked: Approval) -> None:
    """Approve it in a process that is killed before it carries it out."""

    async def die(_: Approval) -> Approval:
        raise asyncio.CancelledError

    approvals = replace(house.vault.approvals.approvals, execute=die)
    with pytest.raises(asyncio.CancelledError):
        await approvals.decide(house.account.id, asked.id, "approve", digest=asked.digest, actor=SECOND)


async def count(house: House, kind: str) -> int:
    """Return how many events of a kind the log has."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    return (await house.events()).count(kind)


async def key(house: House, *, made_by: str = "operator", scopes: Collection[str] = ("*",)) -> str:
    """Issue a key."""
    made, _ = await house.vault.accounts.api_keys.issue(
        name="k", scopes=list(scopes), account_id=house.account.id, actor=made_by
    )
    return made.id


async def change_row(house: House, statement: str, **values: object) -> None:
    """Change rows behind the vault's back."""
    await house.database.write(lambda tx: tx.connection.execute(text(statement), values) and None)
