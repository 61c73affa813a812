"""What tests of holds and retention share: two keys, holds, and time that passes."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.accounts.account import ApiKey
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.retention.hold import Hold
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import Match, RetentionClass, RetentionPolicy
from vault.services.retention.holds import HoldView
from vault.services.retention.place_hold import HoldRequest

#: The key that asks and the key that approves.
FIRST, SECOND = "key_first", "key_second"
NUMBER = "+14155550123"


async def two_keys(house: House, *names: str) -> None:
    """Let FIRST, SECOND and ``names`` be API keys that may do everything, each issued by the operator."""

    def insert(tx: Transaction) -> None:
        for name in (FIRST, SECOND, *names):
            if tx.api_keys.find(name) is None:
                key = ApiKey(
                    id=name,
                    name=name,
                    account_id=None,
                    scopes=frozenset({"*"}),
                    created_at=tx.now(),
                    revoked_at=None,
                )
                tx.api_keys.insert(key, b"", created_by="operator")

    await house.database.write(insert)


def kept(name: str = "all", *, match: Match | None = None, **more: Any) -> RetentionClass:
    """Return a class; periods are texts."""
    periods = {key: parse_period(more.pop(key)) for key in ("period", "minimum", "maximum") if key in more}
    return RetentionClass(
        name=name, purpose="Quality", match=match or Match(), **{"period": None} | periods | more
    )


async def set_retention(
    house: House, *classes: RetentionClass, at_once: bool = True, **more: Any
) -> RetentionPolicy:
    """Preview and set a policy; ``at_once``: let its wait be over."""
    wanted = RetentionPolicy(classes=classes, **more)
    preview = await house.vault.retention.preview(house.account.id, wanted)
    await house.vault.retention.policy.set(
        house.account.id, wanted, if_version=None, digest=preview.digest, actor=FIRST
    )
    if at_once:
        await age_policies(house, timedelta(days=60))
    return (await house.vault.retention.policy.read(house.account.id)).newest


async def place(house: House, **covers: Any) -> HoldView:
    """Place a hold."""
    await two_keys(house)
    wanted = HoldRequest(name="Acme v. Doe", reason="A letter of preservation", **covers)
    return await house.vault.retention.holds.place(house.account.id, wanted, actor=FIRST)


async def release(house: House, hold_id: str, *, at_once: bool = False) -> Hold:
    """Release a hold by two keys; ``at_once``: let its grace be over."""
    account_id = house.account.id
    preview = await house.vault.retention.hold_releases.preview(account_id, hold_id)
    asked = await house.vault.retention.hold_releases.ask(
        account_id, hold_id, digest=preview.digest, actor=FIRST
    )
    await approve_release(house, asked.id)
    released = (await house.vault.retention.holds.read(account_id, hold_id)).hold
    if at_once:
        await end_grace(house, hold_id)
    return released


async def approve_release(house: House, approval_id: str, *, actor: str = SECOND) -> Approval:
    """Approve what was asked, and let the vault carry it out."""
    await two_keys(house)
    return await house.vault.approvals.approvals.decide(
        house.account.id, approval_id, "approve", digest=None, actor=actor
    )


async def state_of_approval(house: House, approval_id: str) -> ApprovalState:
    """Return the state of an approval as it is now."""
    found = await house.database.read(lambda tx: tx.approvals.get(house.account.id, approval_id))
    assert found is not None
    return found.at(await house.database.read(lambda tx: tx.now())).state


async def end_grace(house: House, hold_id: str) -> None:
    """Let the grace of a released hold be over."""
    await _set(house, "UPDATE holds SET free_at = released_at WHERE id = :id", id=hold_id)


async def age_previews(house: House, by: timedelta) -> None:
    """Let every preview be older."""
    await _set(house, "UPDATE previews SET at = at - :by", by=_micros(by))


async def age_approvals(house: House, by: timedelta) -> None:
    """Let whatever was asked have been asked earlier."""
    await _set(
        house, "UPDATE approvals SET asked_at = asked_at - :by, approve_by = approve_by - :by", by=_micros(by)
    )


async def age_policies(house: House, by: timedelta) -> None:
    """Let every change of the policy have been made earlier."""
    moved = "UPDATE retention_policies SET changed_at = changed_at - :by, effective_at = effective_at - :by"
    await _set(house, moved, by=_micros(by))


def _micros(by: timedelta) -> int:
    return by // timedelta(microseconds=1)


async def _set(house: House, statement: str, **values: object) -> None:
    await house.database.write(lambda tx: tx.connection.execute(text(statement), values) and None)
