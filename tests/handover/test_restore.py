"""A lost database: what was handed over is known again, and removed; what has ended stays ended."""

from pathlib import Path

import pytest

from tests.fakes.crm import HOST, NotebookPeer
from tests.support.authorizing import activated, authorize
from tests.support.handing import ANN, ME, activate, all_handovers, call, erase, hand_over, let_pass
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.thread_pools import Threads


@pytest.fixture
def notebook(house: House) -> NotebookPeer:
    """The CRM of the house on SQLite."""
    made = NotebookPeer()
    house.outside.peers[HOST] = made
    return made


async def test_what_stands_there_is_removed_by_a_database_that_lost_it(
    house: House, notebook: NotebookPeer, tmp_path: Path, threads: Threads
):
    """The leaf of the write makes the row again, as unknown; the record is found by our id, and removed."""
    notebook.contacts = [ANN]
    await activate(house)
    recording_id = await call(house)
    await hand_over(house)
    await write_all(house)
    (before,) = await all_handovers(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        (after,) = await all_handovers(new)
        assert (after.id, after.state, after.desired) == (before.id, "unknown", "present")
        await erase(new, recording_id)
        await let_pass(new)
        await hand_over(new, rounds=3)
        (after,) = await all_handovers(new)
        assert (after.state, notebook.records) == ("absent", {})
    assert notebook.requests.count("POST /records") == 1


async def test_an_erasure_that_an_old_copy_lacks_removes_it(
    house: House, notebook: NotebookPeer, tmp_path: Path, threads: Threads
):
    """The copy is from before the hand-over; the recording was erased while the system was down."""
    notebook.contacts = [ANN]
    await activate(house)
    recording_id = await call(house)
    old = copied(house, tmp_path / "old")
    await hand_over(house)
    await erase(house, recording_id)
    await house.settle(recording_id)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        (after,) = await all_handovers(new)
        assert (after.state, after.desired) == ("unknown", "absent")
        await let_pass(new)
        await hand_over(new, rounds=3)
        assert notebook.records == {}


async def test_an_integration_that_has_ended_stays_so(
    house: House, notebook: NotebookPeer, tmp_path: Path, threads: Threads
):
    """Also where the copy is from before its end: nothing is handed over by it."""
    notebook.contacts = [ANN]
    view = await activate(house)
    old = copied(house, tmp_path / "old")
    await house.vault.handover.integrations.end(house.account.id, view.integration.id, removes=False, **ME)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        again = await new.vault.handover.integrations.read(new.account.id, view.integration.id)
        assert again.integration.state == "ended"
        await call(new)
        await hand_over(new)
    assert notebook.requests == []


async def test_a_grant_survives(house: House, notebook: NotebookPeer, tmp_path: Path, threads: Threads):
    """Its tokens are those of the last refresh: what stands there is removed without a person."""
    notebook.contacts, notebook.keys = [ANN], set()
    view = await activated(house, notebook)
    await authorize(house, notebook, view)
    notebook.tokens.access.clear()
    recording_id = await call(house)
    await hand_over(house, rounds=2)
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        notebook.tokens.access.clear()
        await erase(new, recording_id)
        await let_pass(new)
        await hand_over(new, rounds=3)
        (after,) = await all_handovers(new)
        assert (after.state, notebook.records) == ("absent", {})
    assert notebook.requests.count("POST /token") == 3
