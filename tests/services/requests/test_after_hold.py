"""What a hold has kept of a person's erasure is erased completely when it has ended."""

from pathlib import Path

import pytest

from tests.services.requests.people import (
    OTHER,
    ask,
    call,
    carried_out,
    decide,
    hurry,
    receipt,
    recorded,
)
from tests.support.parties import set_policy, tell
from tests.support.restoring import backed_up, house_over, settle_journal, write_all
from tests.support.retention import place, release
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.thread_pools import Threads
from vault.tlog.receipt_file import verify_receipt


async def sweep(house: House) -> None:
    """Run the sweep; the first run of all erases nothing."""
    for _ in range(2):
        await house.vault.jobs.retention_sweep()


async def facts(house: House, ref: str = "call-1") -> bool:
    """Return whether facts of a call are stored."""
    return bool(await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, ref)))


async def erased_under(house: House, **covers: object) -> str:
    """Carry out an erasure while a hold covers something; return the hold."""
    held = await place(house, **covers)
    view = await ask(house)
    await decide(house, view.request.id)
    assert await carried_out(house, view.request.id) is RequestState.WAITS_FOR_HOLD
    await sweep(house)
    assert await facts(house)
    return held.hold.id


async def settled(house: House, request_id: str) -> RequestState:
    """Let what is erased leave the store and be logged, look at the requests, and return the state of this one."""
    await house.vault.jobs.remove_erased()
    await house.vault.jobs.log_publisher.sequence()
    await hurry(house)
    await house.vault.jobs.settle_waiting_requests()
    view = await house.vault.requests.requests.read(house.account.id, request_id)
    return view.request.state


async def test_a_request_that_waited_ends_with_another_receipt(either: House):
    """When the last of its holds has ended and everything is erased, not before; its first end was the answer."""
    first, second = await recorded(either, "call-1"), await recorded(either, "call-2")
    await call(either, "call-3")
    holds = [await place(either, recordings=[first]), await place(either, calls=["call-2", "call-3"])]
    request = (await ask(either)).request.id
    await decide(either, request)
    assert await carried_out(either, request) is RequestState.WAITS_FOR_HOLD
    before = await either.vault.requests.requests.read(either.account.id, request)
    old = verify_receipt(await receipt(either, request)).statement
    await sweep(either)
    assert await settled(either, request) is RequestState.WAITS_FOR_HOLD
    await release(either, holds[0].hold.id, at_once=True)
    await sweep(either)
    assert await settled(either, request) is RequestState.WAITS_FOR_HOLD
    await release(either, holds[1].hold.id, at_once=True)
    await sweep(either)
    assert await settled(either, request) is RequestState.FULFILLED
    after = await either.vault.requests.requests.read(either.account.id, request)
    assert after.request.closed_at == before.request.closed_at
    new = verify_receipt(await receipt(either, request)).statement
    assert {one["outcome"] for one in old["recordings"]} == {"waits_for_hold"}
    assert {one["id"]: one["outcome"] for one in new["recordings"]} == {first: "erased", second: "erased"}
    assert set(old["calls"]) == {"waits_for_hold"}
    assert set(new["calls"]) == {"erased"}
    assert all(one["leaves"] for one in new["recordings"])
    assert await settled(either, request) is RequestState.FULFILLED
    assert verify_receipt(await receipt(either, request)).statement == new


async def test_a_part_that_waited_is_told_too(either: House):
    """All is erased in the end, so nothing is partly fulfilled any more."""
    held, free = await recorded(either, "call-1"), await recorded(either, "call-2")
    hold = await place(either, recordings=[held])
    request = (await ask(either)).request.id
    await decide(either, request)
    assert await carried_out(either, request) is RequestState.PARTLY_FULFILLED
    assert await settled(either, request) is RequestState.PARTLY_FULFILLED
    await release(either, hold.hold.id, at_once=True)
    await sweep(either)
    assert await settled(either, request) is RequestState.FULFILLED
    statement = verify_receipt(await receipt(either, request)).statement
    assert {one["id"]: one["outcome"] for one in statement["recordings"]} == {held: "erased", free: "erased"}


async def test_a_request_about_a_call_without_a_recording_ends_too(either: House):
    """When the facts of the call are gone, and not before: no receipt shows them one by one."""
    await call(either, "call-1")
    hold = await place(either, calls=["call-1"])
    request = (await ask(either)).request.id
    await decide(either, request)
    assert await carried_out(either, request) is RequestState.WAITS_FOR_HOLD
    await sweep(either)
    assert await settled(either, request) is RequestState.WAITS_FOR_HOLD
    await release(either, hold.hold.id, at_once=True)
    assert await settled(either, request) is RequestState.WAITS_FOR_HOLD
    await sweep(either)
    assert await settled(either, request) is RequestState.FULFILLED


async def test_the_providers_copy_and_the_facts_go_with_the_recording(either: House):
    """Not the recording alone."""
    recording_id = await recorded(either, "call-1")
    await tell(either, "accepted", call="call-1")
    await either.set(recording_id, source_ref="RE1", source_policy="keep")
    hold = await erased_under(either, recordings=[recording_id])
    await release(either, hold, at_once=True)
    await sweep(either)
    assert await either.state(recording_id) in {State.ERASING, State.ERASED}
    assert (await either.row(recording_id)).source_policy == "always"
    assert not await facts(either)
    assert not await either.database.read(lambda tx: tx.consents.of_call(either.account.id, "call-1"))


async def test_a_withdrawal_before_the_request_changes_nothing(either: House):
    """The erasure waits for the first cause, and the provider's copy is asked for nevertheless."""
    await set_policy(either, withdrawal="erase", missing_evidence="accept", reason="not the subject")
    recording_id = await recorded(either, "call-1")
    await either.set(recording_id, source_ref="RE1", source_policy="keep")
    other = await place(either, recordings=[recording_id])
    await tell(either, "withdrawn", call="call-1")
    hold = await erased_under(either, calls=["call-1"])
    for one in (hold, other.hold.id):
        await release(either, one, at_once=True)
    await sweep(either)
    assert (await either.row(recording_id)).source_policy == "always"
    assert not await facts(either)


async def test_a_call_without_a_recording_loses_its_facts(either: House):
    """When the last hold on it has ended."""
    await call(either, "call-1")
    other = await place(either, calls=["call-1"])
    hold = await erased_under(either, numbers=[OTHER])
    await release(either, hold, at_once=True)
    await sweep(either)
    assert await facts(either)
    await release(either, other.hold.id, at_once=True)
    await sweep(either)
    assert not await facts(either)
    assert not await either.database.read(lambda tx: tx.pending_calls.page(after=("", ""), limit=10))


async def test_facts_stay_while_a_recording_of_the_call_is_left(either: House):
    """It came later, and nobody asked to erase it."""
    await call(either, "call-1")
    hold = await erased_under(either, calls=["call-1"])
    later = (await either.announce("rec-1", call_ref="call-1")).recording_id
    await either.settle(later)
    await release(either, hold, at_once=True)
    await sweep(either)
    assert await either.state(later) is State.AVAILABLE
    assert await facts(either)


@pytest.mark.parametrize("settled", [False, True], ids=["in the journal", "settled"])
async def test_an_old_backup_erases_the_call_too(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, settled: bool
):
    """It is from before the request."""
    await call(either, "call-1")
    await sweep(either)
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        hold = await erased_under(later, calls=["call-1"])
        if settled:
            await settle_journal(later)
        async with house_over(later, old, threads) as late:
            await late.vault.backup.restore(actor="operator")
            await sweep(late)
            assert await facts(late)
            await release(late, hold, at_once=True)
            await sweep(late)
            assert not await facts(late)


@pytest.mark.parametrize("covers", [{"calls": ["call-1"]}, {"numbers": [OTHER]}], ids=["call", "number"])
async def test_the_facts_of_a_call_stay_under_a_hold_on_a_recording_that_is_being_erased(
    either: House, covers: dict[str, list[str]]
):
    """The hold was placed between the erasure and the work of the worker, which may wait for the object store."""
    recording_id = await recorded(either, "call-1")
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor="key_1")
    hold = (await place(either, **covers)).hold
    await either.vault.jobs.remove_erased()
    await sweep(either)
    assert await either.state(recording_id) is State.ERASED
    assert await facts(either)
    await release(either, hold.id, at_once=True)
    await sweep(either)
    assert not await facts(either)
