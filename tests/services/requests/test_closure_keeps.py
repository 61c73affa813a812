"""What a closure must not erase: by a class that is not computed or not in force yet, and by a hold on a fact alone."""

from datetime import timedelta
from typing import Any

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import PERSON, ago, call, hurry, recorded
from tests.support.parties import let_in
from tests.support.retention import age_policies, kept, place, set_retention
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.domain.retention.policy import Match
from vault.errors import Unavailable
from vault.services.requests.erase_account import EraseAccount
from vault.services.requests.progress import Progress

#: Kept for 30 days from the end of the account; no class has a minimum.
AFTER = kept("after", match=Match(agent="Kim"), period="P30D", starts="account_closed")


async def test_what_is_not_computed_yet_is_not_erased(either: House):
    """Whether the class keeps it is not known before the job that computes classes has run."""
    await set_retention(either, AFTER)
    recording_ids = [await recorded(either, agent, agent=agent) for agent in ("Kim", "Sam")]
    await closing(either)
    for _ in range(3):
        await hurry(either)
        await either.vault.jobs.execute_requests()
    assert [await either.state(one) for one in recording_ids] == [State.AVAILABLE] * 2
    assert await work(either) is RequestState.EXECUTING
    assert [await either.state(one) for one in recording_ids] == [State.AVAILABLE, State.ERASED]


async def test_a_policy_that_waits_keeps_too(either: House):
    """Whom its class is about is not known before it is in force, so nothing is erased until then."""
    await set_retention(either, AFTER, at_once=False)
    policies = await either.database.read(lambda tx: tx.retention.policies(either.account.id, tx.now()))
    assert (len(policies.current.classes), len(policies.waiting)) == (0, 1)
    recording_ids = [await recorded(either, agent, agent=agent) for agent in ("Kim", "Sam")]
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    assert [await either.state(one) for one in recording_ids] == [State.AVAILABLE] * 2
    await age_policies(either, timedelta(days=60))
    assert await work(either) is RequestState.EXECUTING
    assert [await either.state(one) for one in recording_ids] == [State.AVAILABLE, State.ERASED]


async def test_a_call_that_another_report_puts_under_a_hold_keeps_all(either: House):
    """By the earlier start it is in the time of the hold, by the start in its recording's row it is not."""
    recording_id = await recorded(either, "call-1", at=ago(hours=1))
    await call(either, "call-1", at=ago(days=3))
    await place(either, everything=True, from_=ago(days=4), to=ago(days=2))
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    assert await either.state(recording_id) is State.AVAILABLE
    left = await either.vault.recordings.calls.find(either.account.id, PERSON, after=None, limit=9)
    assert [one.call_ref for one in left] == ["call-1"]


async def test_a_page_that_fails_comes_again(house: House, monkeypatch: pytest.MonkeyPatch):
    """What was erased of it is scrubbed, and what was not is erased at the next try."""
    recording_ids = [await recorded(house, f"call-{number}") for number in range(3)]
    await closing(house)
    close = house.vault.jobs.execute_requests.close_account
    await close(await house.vault.requests.closures.read(house.account.id))
    request, erase, scrubs = (
        await house.vault.requests.closures.read(house.account.id),
        EraseAccount._erase,
        [],
    )

    async def fails(self: EraseAccount, *given: Any) -> bool:
        if given[1].id == recording_ids[1]:
            raise Unavailable("The database does not answer.")
        return await erase(self, *given)

    async def scrub(database: object, **_: object) -> bool:
        scrubs.append(database)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(EraseAccount, "_erase", fails)
        patch.setattr(type(house.database), "scrub", scrub)
        with pytest.raises(Unavailable):
            await close.erase(request)
    assert len(scrubs) == 1
    assert await close.erase(request) is Progress.DONE
    assert await work(house) is RequestState.FULFILLED
    assert {await house.state(one) for one in recording_ids} == {State.ERASED}


@pytest.mark.parametrize("wait", [False, True], ids=["begun", "begins within the grace"])
async def test_a_release_preview_counts_what_the_closure_erases(either: House, wait: bool):
    """The end of the hold lets the closure go on, though no period of the recording has ended."""
    recording_id = await let_in(either)
    hold = (await place(either, everything=True)).hold
    other = await place(either, calls=["call-2"])
    await closing(either, wait=wait)
    await work(either, rounds=2)
    assert await either.state(recording_id) is State.AVAILABLE
    preview = (await either.vault.retention.hold_releases.preview(either.account.id, hold.id)).effect
    assert (preview.erased, preview.recording_ids) == (1, (recording_id,))
    # It covers nothing.
    empty = (await either.vault.retention.hold_releases.preview(either.account.id, other.hold.id)).effect
    assert (empty.erased, empty.still_held) == (0, 0)
