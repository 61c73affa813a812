"""What a second person approves is these recordings, and no others of the same number; what a hold keeps is counted."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.services.requests.people import OTHER, ask, at_home, call, carried_out, recorded
from tests.support.approvals import approve, rule
from tests.support.retention import FIRST, place
from tests.support.service_house import House
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.playback.link import Link
from vault.domain.recordings.recording import GONE
from vault.domain.requests.request import RequestState
from vault.errors import ApprovalNeeded
from vault.services.playback.link_request import LinkRequest
from vault.web.schemas.requests.requests import DecisionIn, RequestOut


async def asked_to_decide(house: House, request_id: str, code: str) -> Approval:
    """Decide on a request, and ask for the approval that this needs."""
    decision = DecisionIn.model_validate({"code": code})
    with pytest.raises(ApprovalNeeded) as needed:
        await house.vault.requests.requests.decide(
            house.account.id, request_id, decision.ruling(), actor=FIRST
        )
    arguments = {"request": request_id, "decision": decision.model_dump(mode="json")}
    return await asked(house, needed.value, request_id, arguments)


async def asked(house: House, needed: ApprovalNeeded, subject: str, arguments: Mapping[str, Any]) -> Approval:
    """Ask for an approval as REST does."""
    return await house.vault.approvals.approvals.ask(
        house.account.id, needed, subject=subject, arguments=arguments, reason=None, actor=FIRST
    )


async def test_an_erasure_is_of_the_recordings_that_were_shown(either: House):
    """One goes and another one comes: as many, and asked again; approved anew, the other one is erased."""
    await at_home(either, "FR")
    first = await recorded(either, "call-1")
    await rule(either, "request_erasure")
    request = (await ask(either)).request.id
    shown = await asked_to_decide(either, request, "erased")
    await either.vault.recordings.recordings.erase(either.account.id, first, actor=FIRST)
    second = await recorded(either, "call-2")
    again = await approve(either, shown)
    assert (again.state, again.outcome) == (ApprovalState.PENDING, "effect_changed")
    assert again.digest != shown.digest
    assert await either.state(second) not in GONE
    assert (await approve(either, again)).state is ApprovalState.EXECUTED
    assert await carried_out(either, request) is RequestState.FULFILLED
    assert await either.state(second) in GONE


async def test_what_a_hold_keeps_is_counted_before(either: House):
    """One of two is held: so the approval says, and a hold that comes between is shown again."""
    await at_home(either, "FR")
    first, second = await recorded(either, "call-1"), await recorded(either, "call-2")
    await rule(either, "request_erasure")
    request = (await ask(either)).request.id
    shown = await asked_to_decide(either, request, "erased")
    assert shown.effect == {"recordings": 2, "calls": 0}
    await place(either, recordings=[first])
    again = await approve(either, shown)
    assert (again.state, again.effect) == (ApprovalState.PENDING, {"recordings": 2, "calls": 0, "held": 1})
    view = await either.vault.requests.requests.read(either.account.id, request)
    assert view.found is not None
    assert view.found.held == {first}
    await approve(either, again)
    await carried_out(either, request, rounds=4)
    assert [await either.state(one) in GONE for one in (first, second)] == [False, True]


async def test_a_call_without_a_recording_that_a_hold_keeps_is_counted(either: House):
    """By the number, or by the call itself; as the worker keeps its facts then."""
    await at_home(either, "FR")
    await call(either, "call-1")
    await call(either, "call-2", callee="+442079460199")
    await rule(either, "request_erasure")
    request = (await ask(either)).request.id
    shown = await asked_to_decide(either, request, "erased")
    assert shown.effect == {"recordings": 0, "calls": 2}
    await place(either, numbers=[OTHER])
    again = await approve(either, shown)
    assert (again.state, again.effect) == (
        ApprovalState.PENDING,
        {"recordings": 0, "calls": 2, "held_calls": 1},
    )
    view = await either.vault.requests.requests.read(either.account.id, request)
    assert view.found is not None
    assert view.found.held_calls == {"call-1"}
    over_rest = RequestOut.of(view).found
    assert over_rest is not None
    assert (over_rest.held_calls, over_rest.held) == (["call-1"], [])
    await place(either, calls=["call-2"])
    both = await approve(either, again)
    assert both.effect["held_calls"] == 2
    await approve(either, both)
    assert await carried_out(either, request) is RequestState.WAITS_FOR_HOLD


async def test_a_closure_shows_what_ends(either: House):
    """With the number of its recordings, links and holds. It binds its export: a recording more is no other closure."""
    await at_home(either, "FR")
    first = await recorded(either, "call-1")
    await recorded(either, "call-2")
    await place(either, recordings=[first])
    for listener in ("a", "b", "c"):
        await link(either, first, listener)
    await rule(either, "account_closure")
    sent = {"reason": "The contract has ended.", "export": True}
    with pytest.raises(ApprovalNeeded) as needed:
        await either.vault.requests.closures.ask(
            either.account.id, reason=sent["reason"], export=True, actor=FIRST
        )  # type: ignore[arg-type]
    shown = await asked(either, needed.value, "", sent)
    assert shown.effect == {
        "recordings": 2, "calls": 0, "links": 3, "link_keys": 0, "holds": 1, "export": 1,
    }  # fmt: skip
    await recorded(either, "call-3")
    assert (await approve(either, shown)).state is ApprovalState.EXECUTED


async def link(house: House, recording_id: str, listener: str) -> Link:
    """Make a link."""
    made = await house.vault.playback.links.create(
        house.account.id,
        recording_id,
        LinkRequest(listener=listener, kind="page", life=timedelta(hours=1), sessions=1),
        actor=FIRST,
    )
    return made[0]
