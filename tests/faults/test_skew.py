"""Clocks that go wrong: one node is minutes ahead, behind, or in another year. Leases and time limits hold."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.workflows.conftest import AUDIO, House, another_node, new_house
from vault.domain.recording import State
from vault.threads import Threads
from vault.tlog.checkpoint import open_checkpoint

WRONG = [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=400), timedelta(hours=-1)]
IDS = ["ten minutes ahead", "ten minutes behind", "400 days ahead", "an hour behind"]


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads that seal."""
    made = Threads("skew", 2)
    yield made
    made.close()


@pytest.fixture
async def house(tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A node whose clock is right."""
    async with new_house(tmp_path, threads) as made:
        yield made


@pytest.fixture(params=WRONG, ids=IDS)
def wrong(request: pytest.FixtureRequest, house: House, tmp_path: Path, threads: Threads) -> House:
    """Another node of the same vault, whose clock is wrong."""
    off: timedelta = request.param
    return another_node(house, tmp_path, threads, clock=lambda: datetime.now(UTC) + off)


async def test_a_lease_is_that_of_the_database(house: House, wrong: House) -> None:
    """A node in another year takes no work that another one holds, and holds its own for as long as all do."""
    recording_id = (await house.announce()).recording_id
    working = await house.fetching()
    assert not await wrong.vault.ingest()
    house.go_on()
    assert await working
    assert await house.state(recording_id) is State.STORED


async def test_what_is_being_sent_survives_a_sweep(house: House, wrong: House) -> None:
    """A sweep by a wrong clock takes no object from an attempt that is on its way."""
    recording_id = (await house.announce()).recording_id
    assert recording_id is not None
    writer = await house.objects.create("recordings/acct/rec/attempt")
    await wrong.vault.sweep()
    await writer.write(b"of an attempt that is on its way")
    assert await writer.finish()
    await house.settle(recording_id)
    await wrong.vault.sweep()
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO


async def test_the_log_goes_on_after_a_checkpoint_of_another_year(house: House, wrong: House) -> None:
    """A node that is ahead signs; the others sign what grows after it, and serve it."""
    await replace(wrong.vault.sign_checkpoint, pause=timedelta(0))()
    await house.announce()
    recording_id = (await house.announce("rec-2")).recording_id
    assert recording_id is not None
    await house.settle(recording_id)
    size = await house.database.read(lambda tx: tx.tree.head().size)
    assert await replace(house.vault.sign_checkpoint, pause=timedelta(0))()
    note = await replace(house.vault.read_checkpoint, oldest=timedelta(0))()
    assert open_checkpoint(note, [house.vault.read_checkpoint.signer.verifier]).size == size
