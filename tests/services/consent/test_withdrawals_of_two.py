"""A withdrawal that erases, where the account's rule wants a second person for the erasure of a recording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.support.approvals import approve, change_row, key, rule
from tests.support.parties import ME, PARTIES, let_in, set_policy, tell
from tests.support.retention import FIRST, SECOND, age_approvals, place, release
from tests.support.service_house import House
from vault.database.account_parts.connections import CONNECTIONS
from vault.database.account_parts.part import Target
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.recordings.recording import GONE, State
from vault.errors import NotFound, Refused
from vault.services.accounts.connections import ConnectionRequest
from vault.services.approvals import ask
from vault.services.consent.consent_records import ConsentRequest


async def waiting(house: House, state: ApprovalState = ApprovalState.PENDING) -> list[Approval]:
    """Return the account's approvals in a state."""
    return list(await house.vault.approvals.approvals.page(house.account.id, state=state))


async def sweep(house: House) -> None:
    """Run the retention sweep twice: the first run of an account looks only."""
    for _ in range(2):
        await house.vault.jobs.retention_sweep()


async def withdrawn(house: House, answer: str = "withdrawn") -> str:
    """Return a recording whose caller withdrew, in an account that erases then, with a second person."""
    await set_policy(house, withdrawal="erase")
    await rule(house, "recording_erasure")
    recording_id = await let_in(house)
    await tell(house, answer)  # type: ignore[arg-type]
    return recording_id


@pytest.mark.parametrize("answer", ["declined", "withdrawn"])
async def test_it_restricts_immediately_and_erases_after_the_approval(either: House, answer: str):
    """The vault asks by itself, visible as every other approval; a second report asks nothing more."""
    recording_id = await withdrawn(either, answer)
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    with pytest.raises(NotFound):
        await either.heard(recording_id)
    await tell(either, "withdrawn")
    (asked,) = await waiting(either)
    assert (asked.kind, asked.subject, asked.asked_by) == ("recording_erasure", recording_id, "worker")
    view = await either.vault.approvals.approvals.read(either.account.id, asked.id)
    assert (view.approval.effect, dict(view.text.arguments)) == ({"recordings": 1}, {})
    with pytest.raises(Refused) as caught:
        await either.vault.recordings.recordings.restrict(
            either.account.id, recording_id, restricted=False, reason=None, **ME
        )
    assert caught.value.reasons == ("pending_erasure",)
    assert (await approve(either, asked)).state is ApprovalState.EXECUTED
    assert await either.state(recording_id) in GONE


async def reported_by(house: House, actor: str) -> Approval:
    """Return what waits for a second person once somebody has reported a withdrawal."""
    await set_policy(house, withdrawal="erase")
    await rule(house, "recording_erasure")
    await let_in(house)
    said = ConsentRequest(party="caller", answer="withdrawn", method="form", at=datetime.now(UTC))
    await house.vault.consent.records.report(house.account.id, "call-1", said, actor=actor)
    (asked,) = await waiting(house)
    return asked


async def test_who_reported_the_withdrawal_is_not_the_second_person(either: House):
    """Whether what was reported is true or not: the worker asks in the name of the one who reported it."""
    asked = await reported_by(either, SECOND)
    with pytest.raises(Refused) as caught:
        await approve(either, asked, actor=SECOND)
    assert caught.value.reasons == ("same_key",)
    assert (await approve(either, asked, actor=FIRST)).state is ApprovalState.EXECUTED


@pytest.mark.parametrize("is_deleted", [False, True], ids=["there", "deleted"])
async def test_who_set_the_connection_that_reported_is_not_the_second_person(either: House, is_deleted: bool):
    """He knows its secret, so he can report as the platform; nor is a key that he made. Once it is gone, nobody is."""
    account_id, connections = either.account.id, either.vault.accounts.connections
    mine = await key(either)
    wish = ConnectionRequest(provider="platform", credentials={"secret": either.secret})
    made, _, _ = await connections.set(account_id, "mine", wish, actor=mine)
    asked = await reported_by(either, made.id)
    if is_deleted:
        await connections.delete(account_id, "mine", actor=mine)
    for actor in (mine, await key(either, made_by=mine), *([SECOND] if is_deleted else [])):
        with pytest.raises(Refused) as caught:
            await approve(either, asked, actor=actor)
        assert caught.value.reasons == ("same_key",)
    if not is_deleted:
        assert (await approve(either, asked, actor=SECOND)).state is ApprovalState.EXECUTED


@pytest.mark.parametrize("how", ["set", "restored", "lost"])
async def test_a_colleagues_change_of_the_connection_does_not_hide_its_owner(either: House, how: str):
    """He knows its secret still; over a restore of either history too."""
    account_id, connections = either.account.id, either.vault.accounts.connections
    mine, colleague = await key(either), await key(either)
    wish = ConnectionRequest(provider="platform", credentials={"secret": either.secret})
    made, _, _ = await connections.set(account_id, "mine", wish, actor=mine)
    known = await either.database.read(lambda tx: tx.account_objects.read(account_id))
    own = next(one for one in known[CONNECTIONS] if one.id == made.id)
    if how == "set":
        await connections.set(account_id, "mine", wish, actor=colleague)
    elif how == "restored":
        others = [one for one in known[CONNECTIONS] if one.id != made.id]
        later = (*others, replace(own, changed_by=colleague, makers=(colleague,)))
        target = partial(Target, account_id=account_id, keys={}, prompts={})
        await either.database.write(lambda tx: CONNECTIONS.replace(later, target(db=tx.connection)))
    else:
        await change_row(either, "UPDATE connections SET changed_by = :by, makers = NULL", by=colleague)
        target = partial(Target, account_id=account_id, keys={}, prompts={})
        await either.database.write(lambda tx: CONNECTIONS.add_lost((own,), target(db=tx.connection)))
    asked = await reported_by(either, made.id)
    for actor in (mine, colleague, await key(either, made_by=mine)):
        with pytest.raises(Refused) as caught:
            await approve(either, asked, actor=actor)
        assert caught.value.reasons == ("same_key",)
    assert (await approve(either, asked, actor=SECOND)).state is ApprovalState.EXECUTED


async def test_without_the_rule_it_erases_immediately(either: House):
    """As before; so does a rule that names other acts."""
    await set_policy(either, withdrawal="erase")
    await rule(either, "call_erasure", "request_erasure")
    recording_id = await let_in(either)
    await tell(either, "withdrawn")
    assert await either.state(recording_id) in GONE
    assert await waiting(either) == []


@pytest.mark.parametrize("party", ["agent", "callee"])
async def test_the_own_side_of_the_account_restricts(either: House, party):
    """Of an inbound call the callee is the account's line, and the agent its own person: neither erases."""
    await set_policy(either, withdrawal="erase")
    recording_id = await let_in(either)
    assert PARTIES["direction"] == "inbound"
    await tell(either, "withdrawn", party=party)
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    await sweep(either)
    assert await either.state(recording_id) is State.AVAILABLE


async def test_a_veto_ends_the_wait(either: House):
    """It is not asked again, and the recording stays restricted while the party's no stands."""
    recording_id = await withdrawn(either)
    (asked,) = await waiting(either)
    await either.vault.approvals.approvals.decide(
        either.account.id, asked.id, "veto", digest=None, actor=SECOND
    )
    await sweep(either)
    assert await waiting(either) == []
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    with pytest.raises(Refused) as caught:
        await either.vault.recordings.recordings.restrict(
            either.account.id, recording_id, restricted=False, reason=None, **ME
        )
    assert caught.value.reasons == ("party_refused",)
    # A new withdrawal asks again.
    await tell(either, "withdrawn")
    assert len(await waiting(either)) == 1


async def test_it_is_asked_again_while_nobody_decides(either: House, monkeypatch: pytest.MonkeyPatch):
    """The first question is lost: as many wait as may. So is the second, after a day without a decision."""
    with monkeypatch.context() as full:
        full.setattr(ask, "MAX_WAITING", 0)
        recording_id = await withdrawn(either)
    assert await waiting(either) == []
    await sweep(either)
    (first,) = await waiting(either)
    await age_approvals(either, timedelta(days=2))
    await sweep(either)
    (second,) = await waiting(either)
    assert first.id != second.id
    assert await either.state(recording_id) is State.AVAILABLE
    await approve(either, second)
    assert await either.state(recording_id) in GONE


async def test_it_waits_for_a_hold_first(either: House):
    """While the hold stands nothing is asked; when it ends, the second person decides."""
    await set_policy(either, withdrawal="erase")
    await rule(either, "recording_erasure")
    recording_id = await let_in(either)
    hold = (await place(either, recordings=[recording_id])).hold
    await tell(either, "withdrawn")
    await sweep(either)
    assert await waiting(either) == []
    await release(either, hold.id, at_once=True)
    await sweep(either)
    (asked,) = [one for one in await waiting(either) if one.kind == "recording_erasure"]
    assert await either.state(recording_id) is State.AVAILABLE
    await approve(either, asked)
    assert await either.state(recording_id) in GONE


async def test_switching_the_rule_off_lets_it_erase(either: House):
    """That itself needs a second person; the sweep erases then."""
    recording_id = await withdrawn(either)
    off = replace(await either.vault.approvals.rules.read(either.account.id), enabled=False)
    await either.database.write(lambda tx: tx.approval_rules.set(either.account.id, off))
    await sweep(either)
    assert await either.state(recording_id) in GONE
