"""Acts that need a second person: who may be that, what is approved, and that it is done once, on either database."""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.approvals import (
    THIRD,
    approve,
    approved_only,
    ask,
    ask_call,
    change_row,
    count,
    key,
    rule,
)
from tests.support.parties import let_in, set_policy
from tests.support.retention import FIRST, SECOND, age_approvals, place, state_of_approval
from tests.support.service_house import House
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import GONE
from vault.errors import Invalid, NotFound, Refused


async def test_nothing_needs_an_approval_until_a_rule_says_so(either: House):
    """The rule is off by default, and a rule that names another act changes nothing."""
    await set_policy(either)
    first, second = await let_in(either), await let_in(either, "rec-2")
    await either.vault.recordings.recordings.erase(either.account.id, first, actor=FIRST)
    await rule(either, "own_key")
    await either.vault.recordings.recordings.erase(either.account.id, second, actor=FIRST)
    assert await either.state(second) in GONE


async def test_what_another_person_approves_is_done_once(either: House):
    """Nothing is erased before; the second approval of the same bytes finds it done."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id, reason="Frau Müller asked by phone")
    assert (asked.state, asked.effect, asked.asked_by) == (ApprovalState.PENDING, {"recordings": 1}, FIRST)
    assert await either.state(recording_id) not in GONE
    assert (await ask(either, recording_id)).id == asked.id
    done = await approve(either, asked)
    assert (done.state, done.decided_by) == (ApprovalState.EXECUTED, SECOND)
    assert await either.state(recording_id) in GONE
    assert await either.keys_gone(recording_id)
    assert (await approve(either, asked)).state is ApprovalState.EXECUTED
    for kind in ("approval.requested", "approval.approved", "approval.executed", "recording.erasing"):
        assert await count(either, kind) == 1, kind


async def test_the_approver_sees_exactly_what_is_approved(either: House):
    """The digest is that of the shown bytes, which have arguments, reason, effect and who asked; the row shows none."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id, reason="Frau Müller asked by phone")
    view = await either.vault.approvals.approvals.read(either.account.id, asked.id)
    assert hashlib.sha256(view.document.encode()).hexdigest() == asked.digest
    shown = json.loads(view.document)
    assert view.document == json.dumps(shown, sort_keys=True, separators=(",", ":"))
    assert shown["arguments"] == {"recording": recording_id}
    assert (shown["reason"], shown["effect"]) == ("Frau Müller asked by phone", {"recordings": 1})
    assert (shown["act"], shown["asked_by"]) == ("recording_erasure", FIRST)
    assert "asked by phone" not in repr(asked)


async def test_who_asked_cannot_approve_under_another_key(either: House):
    """Neither the same key, nor one that it made, nor one that made it, nor another one of the same maker."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    root = await key(either)
    mine = await key(either, made_by=root)
    child, sister = await key(either, made_by=mine), await key(either, made_by=root)
    niece = await key(either, made_by=sister)
    asked = await ask(either, recording_id, actor=mine)
    for same in (mine, root, child, sister, niece):
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=same)
        assert refused.value.reasons == ("same_key",)
    assert await either.state(recording_id) not in GONE
    assert (await approve(either, asked, actor=await key(either))).state is ApprovalState.EXECUTED


@pytest.mark.parametrize("length", [64, 65, 80])
async def test_a_long_line_of_keys_does_not_hide_who_made_the_first(either: House, length: int):
    """One person has the first key and the last; neither approves what the other asks for."""
    await set_policy(either)
    recording_id, other_id = await let_in(either), await let_in(either, "rec-2")
    await rule(either, "recording_erasure")
    first = last = await key(either)
    for _ in range(length):
        last = await key(either, made_by=last)
    for asks, approves, about in ((first, last, recording_id), (last, first, other_id)):
        asked = await ask(either, about, actor=asks)
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=approves)
        assert refused.value.reasons == ("same_key",)


async def test_an_approval_needs_its_digest_and_the_scopes(either: House):
    """No digest, another one's, and keys without the act's scope or without approvals:write: refused."""
    await set_policy(either)
    recording_id, other = await let_in(either), await let_in(either, "rec-2")
    await rule(either, "recording_erasure")
    asked, another = await ask(either, recording_id), await ask(either, other)
    with pytest.raises(Invalid):
        await either.vault.approvals.approvals.decide(
            either.account.id, asked.id, "approve", digest=None, actor=SECOND
        )
    for digest in (another.digest, "0" * 64, "é"):
        with pytest.raises(Refused) as refused:
            await approve(either, asked, digest=digest)
        assert refused.value.reasons == ("digest",)
    for scopes in (["approvals:write"], ["privacy:write"], ["holds:write", "approvals:write"]):
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=await key(either, scopes=scopes))
        assert refused.value.reasons == ("scope",)
    enough = await key(either, scopes=["privacy:write", "approvals:write"])
    assert (await approve(either, asked, actor=enough)).state is ApprovalState.EXECUTED
    assert await state_of_approval(either, another.id) is ApprovalState.PENDING


async def test_a_veto_is_final(either: House):
    """Nothing is done, and nobody approves it any more; anyone who asked may take it back."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    for actor in (SECOND, FIRST):
        asked = await ask(either, recording_id)
        vetoed = await either.vault.approvals.approvals.decide(
            either.account.id, asked.id, "veto", digest=None, actor=actor
        )
        assert (vetoed.state, vetoed.decided_by) == (ApprovalState.VETOED, actor)
        with pytest.raises(Refused) as refused:
            await approve(either, asked, actor=THIRD)
        assert refused.value.reasons == ("decided",)
    assert await either.state(recording_id) not in GONE


async def test_after_a_day_it_is_asked_again(either: House):
    """It is shown as expired immediately, and the worker writes it down."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id)
    await age_approvals(either, timedelta(hours=24))
    assert await state_of_approval(either, asked.id) is ApprovalState.EXPIRED
    page = await either.vault.approvals.approvals.page(either.account.id, state=ApprovalState.EXPIRED)
    assert [one.outcome for one in page] == ["not_approved_in_time"]
    assert await either.vault.approvals.approvals.page(either.account.id, state=ApprovalState.PENDING) == []
    assert (await ask(either, recording_id)).id != asked.id
    with pytest.raises(Refused, match="Ask again"):
        await either.vault.approvals.approvals.decide(
            either.account.id, asked.id, "approve", digest=asked.digest, actor=SECOND
        )
    await either.vault.jobs.settle_approvals()
    assert await count(either, "approval.expired") == 1


async def test_another_effect_is_asked_again(either: House):
    """A recording more than was shown: not erased; it waits again, and only its new digest approves it."""
    await set_policy(either)
    first = await let_in(either)
    await rule(either, "call_erasure")
    asked = await ask_call(either)
    second = await let_in(either, "rec-2")
    again = await approve(either, asked)
    assert (again.state, again.effect) == (ApprovalState.PENDING, {"recordings": 2})
    assert (again.outcome, again.decided_by) == ("effect_changed", None)
    assert again.digest != asked.digest
    with pytest.raises(Refused) as refused:
        await approve(either, asked)
    assert refused.value.reasons == ("digest",)
    assert {await either.state(one) for one in (first, second)}.isdisjoint(GONE)
    assert (await approve(either, again)).state is ApprovalState.EXECUTED
    assert {await either.state(one) for one in (first, second)} <= set(GONE)


async def test_a_hold_that_comes_between_keeps_the_recording(either: House):
    """Guards are asked at execution: it ends as expired, with the code."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id)
    await place(either, recordings=[recording_id])
    ended = await approve(either, asked)
    assert (ended.state, ended.outcome) == (ApprovalState.EXPIRED, "held")
    assert await either.state(recording_id) not in GONE


@pytest.mark.parametrize("name", [FIRST, SECOND])
async def test_a_key_revoked_before_the_execution_stops_it(either: House, name: str):
    """Anyone who asked or approved must still be allowed to when it is carried out."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id)
    await approved_only(either, asked)
    await either.vault.accounts.api_keys.revoke(name, account_id=None, actor="operator")
    await either.vault.jobs.settle_approvals()
    ended = (await either.vault.approvals.approvals.read(either.account.id, asked.id)).approval
    assert (ended.state, ended.outcome) == (ApprovalState.EXPIRED, "not_allowed_any_more")
    assert await either.state(recording_id) not in GONE


async def test_what_a_crash_left_is_carried_out_once(either: House):
    """Approved, and the process dies: workers of two nodes do it once; after an hour nobody does."""
    await set_policy(either)
    first, late = await let_in(either), await let_in(either, "rec-2")
    await rule(either, "recording_erasure")
    asked, missed = await ask(either, first), await ask(either, late)
    await approved_only(either, missed)
    await change_row(
        either,
        "UPDATE approvals SET execute_by = execute_by - :hour WHERE id = :id",
        hour=3_600_000_000,
        id=missed.id,
    )
    await approved_only(either, asked)
    assert await either.state(first) not in GONE
    settle = either.vault.jobs.settle_approvals
    await asyncio.gather(settle(), settle())
    assert await state_of_approval(either, asked.id) is ApprovalState.EXECUTED
    assert await state_of_approval(either, missed.id) is ApprovalState.EXPIRED
    assert await either.state(first) in GONE
    assert await either.state(late) not in GONE
    assert await count(either, "approval.executed") == 1
    assert await count(either, "recording.erasing") == 1


async def test_of_two_approvers_at_once_one_approves(either: House):
    """Ten rounds: one approval, one execution; the other one is told that it is decided."""
    await set_policy(either)
    recording_ids = [await let_in(either, f"rec-{number}") for number in range(10)]
    await rule(either, "recording_erasure")
    for recording_id in recording_ids:
        asked = await ask(either, recording_id)
        tries: list[Any] = await asyncio.gather(
            approve(either, asked), approve(either, asked, actor=THIRD), return_exceptions=True
        )
        refused = [one for one in tries if isinstance(one, Refused)]
        assert [one.reasons for one in refused] == [("decided",)]
        assert await state_of_approval(either, asked.id) is ApprovalState.EXECUTED
    assert await count(either, "approval.approved") == 10
    assert await count(either, "approval.executed") == 10


async def test_a_row_that_somebody_changed_is_not_carried_out(either: House):
    """The texts of another approval under this one's id, an effect made smaller: nothing is done."""
    await set_policy(either)
    first, second = await let_in(either), await let_in(either, "rec-2")
    await rule(either, "recording_erasure")
    asked, other = await ask(either, first), await ask(either, second)
    swap = "UPDATE approvals SET sealed_text = (SELECT sealed_text FROM approvals WHERE id = :other) WHERE id = :id"
    await change_row(either, swap, id=asked.id, other=other.id)
    ended = await approve(either, asked)
    assert (ended.state, ended.outcome) == (ApprovalState.EXPIRED, "tampered")
    assert {await either.state(one) for one in (first, second)}.isdisjoint(GONE)


async def test_another_accounts_approval_is_unknown(house: House):
    """Its id is as if it did not exist, to read and to decide."""
    await set_policy(house)
    recording_id = await let_in(house)
    await rule(house, "recording_erasure")
    asked = await ask(house, recording_id)
    other = "acct_" + "0" * 32
    with pytest.raises(NotFound):
        await house.vault.approvals.approvals.read(other, asked.id)
    with pytest.raises(NotFound):
        await house.vault.approvals.approvals.decide(
            other, asked.id, "approve", digest=asked.digest, actor=SECOND
        )
    assert await house.vault.approvals.approvals.page(other, state=None) == []


async def test_the_operator_breaks_the_glass(either: House):
    """Alone, with an event of its own kind whose reason is sealed; without a reason not at all."""
    await set_policy(either)
    recording_id = await let_in(either)
    await rule(either, "recording_erasure")
    asked = await ask(either, recording_id)
    with pytest.raises(Invalid):
        await either.vault.approvals.approvals.break_glass(asked.id, reason=" ", actor="operator")
    because = {"reason": "both admins are ill", "actor": "operator"}
    done = await either.vault.approvals.approvals.break_glass(asked.id, **because)
    assert (done.state, done.decided_by) == (ApprovalState.EXECUTED, "operator")
    assert await either.state(recording_id) in GONE
    assert await count(either, "approval.break_glass") == 1
    with pytest.raises(Refused):
        await either.vault.approvals.approvals.break_glass(asked.id, reason="again", actor="operator")
    assert await count(either, "approval.break_glass") == 1
