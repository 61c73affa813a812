"""The verbs of approvals that close something."""

from typing import Any, Final

from tests.services.closing_acts.verb import Verb
from tests.support.parties import ME
from tests.support.retention import FIRST, SECOND, approve_release, place, state_of_approval
from tests.support.service_house import House
from vault.domain.approvals.approval import ApprovalState


async def _nothing(_house: House, name: str) -> str:
    return name


async def _asked(house: House, name: str) -> tuple[str, str]:
    hold = (await place(house, calls=[f"call-{name}"])).hold
    preview = await house.vault.retention.hold_releases.preview(house.account.id, hold.id)
    asked = await house.vault.retention.hold_releases.ask(
        house.account.id, hold.id, digest=preview.digest, actor=FIRST
    )
    return hold.id, asked.id


async def _release(house: House, ids: tuple[str, str]) -> None:
    await approve_release(house, ids[1])


async def _is_released(house: House, ids: tuple[str, str]) -> bool:
    found = await house.database.read(lambda tx: tx.holds.get(house.account.id, ids[0]))
    return found is not None and found.hold.free_at is not None


async def _veto(house: House, ids: tuple[str, str]) -> None:
    await house.vault.approvals.approvals.decide(house.account.id, ids[1], "veto", digest=None, actor=SECOND)


async def _is_vetoed(house: House, ids: tuple[str, str]) -> bool:
    return await state_of_approval(house, ids[1]) is ApprovalState.VETOED


async def _is_executed(house: House, ids: tuple[str, str]) -> bool:
    return await state_of_approval(house, ids[1]) is ApprovalState.EXECUTED


async def _tighten(house: House, _: Any) -> None:
    await house.vault.approvals.rules.set(house.account.id, enabled=True, verbs=["own_key"], **ME)


async def _is_tight(house: House, _: Any) -> bool:
    return (await house.vault.approvals.rules.read(house.account.id)).gates("own_key")


async def _require(house: House, _: Any) -> None:
    await house.vault.sign_in.step_up.set(house.account.id, required=True, **ME)


async def _is_required(house: House, _: Any) -> bool:
    return (await house.vault.sign_in.step_up.read(house.account.id)).required


APPROVAL_VERBS: Final[dict[str, Verb]] = {
    "release": Verb(kind="hold.released", prepare=_asked, close=_release, closed=_is_released),
    "veto": Verb(kind="approval.vetoed", prepare=_asked, close=_veto, closed=_is_vetoed),
    "execution": Verb(kind="approval.executed", prepare=_asked, close=_release, closed=_is_executed),
    "step up": Verb(kind="step_up.required", prepare=_nothing, close=_require, closed=_is_required),
    "rule": Verb(kind="approval_rule.tightened", prepare=_nothing, close=_tighten, closed=_is_tight),
}
