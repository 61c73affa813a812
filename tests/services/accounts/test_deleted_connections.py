"""What a deleted connection leaves: what waited for its platform ends, what was fetched stays, and it stays deleted."""

from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import AUDIO, LONG_AGO, House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import recordings
from vault.domain.recordings.recording import State
from vault.errors import NotAuthentic
from vault.services.accounts.connections import ConnectionRequest
from vault.thread_pools import Threads

ME = {"actor": "key_test"}


async def delete(house: House) -> None:
    """Delete the connection."""
    await house.vault.accounts.connections.delete(house.account.id, "main", **ME)


async def available(house: House) -> str:
    """Announce a recording and bring it through the gate."""
    recording_id = (await house.announce()).recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def test_what_was_announced_fails_and_what_was_fetched_stays(either: House):
    """The reason names the deletion, at the first attempt; the rest is heard, with its evidence."""
    kept = await available(either)
    waiting = (await either.announce("rec-2", url="https://media.example/other.wav")).recording_id
    await delete(either)
    await either.hurry(waiting)
    await either.vault.jobs.ingest()
    row = await either.row(waiting)
    assert (row.state, row.reasons[0].code) == (State.FAILED, "fetch_failed")
    assert row.reasons[0].text == "The connection that announced it was deleted."
    assert await either.heard(kept) == AUDIO
    assert (
        await either.vault.consent.records.read_evidence(either.account.id, kept, **ME)
    ).recording_id == kept


async def test_a_copy_at_the_provider_is_kept(either: House):
    """Without credentials there is nothing to try again with: it is on record at the first attempt."""
    recording_id = await available(either)
    due = {"source_ref": "RE1", "source_policy": "stored", "source_not_before": LONG_AGO}
    query = update(recordings).where(recordings.c.id == recording_id).values(due)
    await either.database.write(lambda tx: tx.connection.execute(query) and None)
    await delete(either)
    assert await either.vault.jobs.provider_requests.delete_copy()
    assert (await either.row(recording_id)).source_policy == "keep"
    assert not await either.vault.jobs.provider_requests.delete_copy()
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert (await either.events(recording_id))[-1] == "source.kept"


async def test_a_list_that_was_due_is_not_asked_for(either: House):
    """Deleted after it was claimed, or before: no error, and nothing is sent."""
    await delete(either)
    assert not await either.vault.jobs.reconcile()


async def test_another_node_hears_of_it_by_a_wrong_signature(either: House):
    """A node that still has the connection in hand answers 401, not 404, once it looks again."""
    await either.announce()
    opened = either.vault.ingest.webhooks.connection_cache
    known = dict(opened._known)
    await delete(either)
    # This node was not told; what it has in hand is a little old.
    opened._known.update({name: (at - 2, one) for name, (at, one) in known.items()})
    good, either.secret = either.secret, "whsec_" + "B" * 43 + "="
    with pytest.raises(NotAuthentic):
        await either.announce("rec-2")
    either.secret = good
    with pytest.raises(NotAuthentic):
        await either.announce("rec-2")


@pytest.mark.parametrize("written", [False, True], ids=["its object is older", "its object knows"])
@pytest.mark.parametrize("old", [False, True], ids=["no database", "an old database"])
async def test_a_restore_does_not_bring_it_back(
    house: House, tmp_path: Path, threads: Threads, *, written: bool, old: bool
):
    """Not from an old database, and not from an account's object that was written before the deletion."""
    kept = await available(house)
    await write_all(house)
    objects = {key: value for key, value in house.objects.objects.items() if key.startswith("accounts/")}
    backup = copied(house, tmp_path / "backup") if old else None
    await delete(house)
    await write_all(house)
    if not written:
        # The process died between the log and the object.
        for key in [key for key in house.objects.objects if key.startswith("accounts/")]:
            del house.objects.objects[key]
        house.objects.objects.update(objects)
    opened = empty_house(house, tmp_path, threads)
    if backup is not None:
        opened = house_over(house, SqliteDatabase(backup), threads)
    async with opened as new:
        await new.vault.backup.restore(**ME)
        assert await new.database.read(lambda tx: tx.connections.of_account(house.account.id)) == []
        assert await new.heard(kept) == AUDIO
        with pytest.raises(NotAuthentic):
            await new.announce("rec-2")


async def test_a_restore_brings_the_one_that_was_made_again(house: House, tmp_path: Path, threads: Threads):
    """The old database has the same name for the one before: that one goes, and the new one is there."""
    await available(house)
    await write_all(house)
    backup = copied(house, tmp_path / "backup")
    await delete(house)
    wish = ConnectionRequest(provider="platform", credentials={"secret": house.secret})
    again, _, _ = await house.vault.accounts.connections.set(house.account.id, "main", wish, **ME)
    await write_all(house)
    async with house_over(house, SqliteDatabase(backup), threads) as new:
        await new.vault.backup.restore(**ME)
        found = await new.database.read(lambda tx: tx.connections.of_account(house.account.id))
        assert [one.id for one in found] == [again.id]
        with pytest.raises(NotAuthentic):
            await new.announce("rec-2")
        new.connection_id = again.id
        assert (await new.announce("rec-2")).status == "accepted"
