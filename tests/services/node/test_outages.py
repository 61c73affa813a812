"""A part of the vault, or a provider's host, is down: its work waits a little, uses nothing up, and comes back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.fetcher import Media
from tests.support.database_rows import columns
from tests.support.service_house import AUDIO, URL, House
from vault.circuit_breaker import CircuitBreaker
from vault.domain.recordings.fetch_attempts import BACKOFF, MAX_FETCHES, OUTAGE_BACKOFF, backoff_after
from vault.domain.recordings.recording import State
from vault.errors import FetchFailed, OwnKeyUnusable, Unavailable
from vault.services.node.readiness_probe import Outages
from vault.services.service import Vault
from vault.worker import tasks
from vault.worker.tasks import polling_tasks

#: Every wait of a row after any number of attempts, in ascending order of what chance may add.
ATTEMPTS = range(1, 3 * MAX_FETCHES)
DOWN = Unavailable("The object store does not answer.", cause="objects")


class Broken:
    """The house's vault behind a breaker of the object store, on a clock that a test moves."""

    def __init__(self, house: House) -> None:
        self.now = 0.0
        self.breaker = CircuitBreaker("store", "objects", message="Down.", now=lambda: self.now)
        self.house = house
        known = Outages(probe=house.vault.node.readiness, breakers={"objects": self.breaker})
        self.vault: Vault = replace(house.vault, node=replace(house.vault.node, outages=known))

    async def open(self) -> None:
        """Let three calls fail."""

        async def fail() -> None:
            raise DOWN

        for _ in range(3):
            with pytest.raises(Unavailable):
                await self.breaker.run(fail)
        assert self.breaker.state == "open"

    async def poll(self, work: str) -> bool:
        """Run the worker's step for this work."""
        (task,) = [task for task in polling_tasks(self.vault, 1) if task.work == work]
        return await task.step()


def test_waits_for_a_part_are_short_and_differ():
    """After any number of attempts half a minute at most, and no two rows wait equally long."""
    waits = [backoff_after(DOWN, attempts) for attempts in ATTEMPTS]
    assert max(waits) <= OUTAGE_BACKOFF.most
    late = waits[10:]
    assert len(set(late)) == len(late)
    assert min(late) >= OUTAGE_BACKOFF.most / 2


def test_waits_for_an_accounts_own_key_grow():
    """Only its owner can end that, and perhaps after days."""
    wait = backoff_after(OwnKeyUnusable("The key is disabled."), ATTEMPTS[-1])
    assert BACKOFF.most / 2 <= wait <= BACKOFF.most


async def test_a_row_that_met_an_outage_often_comes_back_within_half_a_minute(house: House):
    """Ingest and describe say that there is no work for now, so a worker does not try row after row."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id or ""
    await house.set(recording_id, attempts=MAX_FETCHES - 1)
    house.objects.fail(at=1, when="before")
    assert await house.vault.jobs.ingest() is False
    await _waits_for_a_part(house, recording_id, State.RETRY_WAIT)
    await house.hurry(recording_id)
    assert await house.vault.jobs.ingest()
    await house.set(recording_id, attempts=MAX_FETCHES - 1)
    house.objects.fail(at=1, when="before")
    assert await house.vault.jobs.describe() is False
    await _waits_for_a_part(house, recording_id, State.STORED)
    assert await house.settle(recording_id) is State.AVAILABLE


async def _waits_for_a_part(house: House, recording_id: str, state: State) -> None:
    assert await house.state(recording_id) is state
    now = await house.database.read(lambda tx: tx.now())
    until = (await columns(house.database, recording_id))["not_before"]
    assert timedelta() < until - now <= OUTAGE_BACKOFF.most


@pytest.mark.parametrize("work", ["ingest", "describe", "remove_erased"])
async def test_work_pauses_while_the_store_is_down(house: House, work: str, monkeypatch: pytest.MonkeyPatch):
    """No row is claimed, so no attempt is used up, and the task polls again; a first answer ends the pause."""
    house.step_by_step()
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0)
    recording_id = (await house.announce()).recording_id or ""
    if work != "ingest":
        await house.vault.jobs.ingest()
    if work == "remove_erased":
        await house.vault.jobs.describe()
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    broken = Broken(house)
    await broken.open()
    before = await house.row(recording_id)
    asked = len(house.objects.calls)
    for _ in range(3):
        assert await broken.poll(work)
    assert len(house.objects.calls) == asked
    # Half-open: the store is asked for its marker first, and still does not answer.
    broken.now = broken.breaker.pause
    house.objects.fail(at=1, when="before")
    assert await broken.poll(work)
    assert await house.row(recording_id) == before
    house.objects.calls.clear()
    assert await broken.poll(work)
    assert house.objects.calls[0] == "size"
    assert await house.row(recording_id) != before


async def test_a_breaker_that_only_knows_the_store_is_down_stops_no_other_work(house: House):
    """The log goes on while the store is down."""
    broken = Broken(house)
    await broken.open()
    await house.announce()
    assert await broken.poll("sequence") in {True, False}
    assert await broken.poll("end_sessions") is False


async def test_a_host_that_answers_again_wakes_what_waited_for_it(house: House):
    """The first recording that comes in wakes the others of its connection, however long they would have waited."""
    house.step_by_step()
    waiting = [(await house.announce(f"rec-{number}")).recording_id or "" for number in range(4)]
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 503.", host_down=True)))
    for recording_id in waiting:
        await house.vault.jobs.ingest()
        assert (await house.row(recording_id)).reasons[0].code == "host_down"
        await house.set(recording_id, attempts=12)
    first, *others = waiting
    for recording_id in others:
        later = await house.database.read(lambda tx: tx.now() + timedelta(hours=1))
        await house.set(recording_id, not_before=later)
    await house.hurry(first)
    house.fetcher.serve(URL, Media(body=AUDIO))
    assert await house.vault.jobs.ingest()
    assert await house.state(first) is State.STORED
    now = await house.database.read(lambda tx: tx.now())
    for recording_id in others:
        row = await columns(house.database, recording_id)
        assert row["not_before"] <= now + timedelta(seconds=30)
        assert row["attempts"] == 11


async def test_a_recording_that_is_not_there_yet_wakes_nothing(house: House):
    """A 404 is about one recording, and what waits for another one's 404 goes on waiting."""
    ids = [(await house.announce(f"rec-{number}")).recording_id or "" for number in range(2)]
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 404.")))
    for _ in ids:
        await house.vault.jobs.ingest()
    later = await house.database.read(lambda tx: tx.now() + timedelta(hours=1))
    await house.set(ids[1], not_before=later)
    await house.hurry(ids[0])
    house.fetcher.serve(URL, Media(body=AUDIO))
    assert await house.vault.jobs.ingest()
    assert (await columns(house.database, ids[1]))["not_before"] == later


async def test_a_host_that_stays_down_fails_in_the_end_as_any_other_fetch(house: House):
    """The public reason of the failure is the one that the runbook names."""
    recording_id = (await house.announce()).recording_id or ""
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 503.", host_down=True)))
    await house.set(recording_id, attempts=MAX_FETCHES - 1)
    await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.FAILED, "fetch_failed")
