"""A restore over an old database reads what the lost part of the log names, and finds what no event names later."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.services.backup.test_restore import erased, off, refused
from tests.services.closing_acts.test_journal import kept_up
from tests.support.restoring import available, copied, house_over, write_all
from tests.support.service_house import AUDIO, LONG_AGO, House, new_house
from tests.support.statements import statements
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.calls.call import CallFacts
from vault.domain.progress import MARK, ProgressCallback, Report, no_progress
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of as manifest_of
from vault.domain.stored.tombstone import PREFIX as TOMBSTONES
from vault.domain.stored.tombstone import location_of as tombstones_at
from vault.errors import Refused, Unavailable
from vault.services.backup.restore_unnamed import RestoreUnnamed
from vault.thread_pools import Threads

Change = Callable[[House], Awaitable[Any]]


class _Postponed(RestoreUnnamed):
    """Leaves what no event names to the worker."""

    async def __call__(self, report: Report, progress: ProgressCallback = no_progress, *, actor: str) -> None:
        """Do nothing."""


@asynccontextmanager
async def behind(
    house: House, change: Change, folder: Path, threads: Threads, *, before: int = 0, last: bool = True
) -> AsyncIterator[House]:
    """Open the vault on a database that lacks ``change``; ``before`` recordings are older.

    ``last``: whether the log was anchored after the change.
    """
    for number in range(before):
        await available(house, f"old-{number}", call_ref=f"old-{number}")
        if number % 2:
            await erased(house, f"gone-{number}")
        await house.vault.accounts.accounts.open(f"old-{number}", name=None, locale=None, actor="key_test")
    await write_all(house)
    await kept_up(house)
    old = copied(house, folder)
    await change(house)
    if last:
        await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        yield new


def only_named(house: House) -> Any:
    """Return a restore that ends when the vault serves again."""
    restore = house.vault.backup.restore
    unnamed = restore.unnamed
    later = _Postponed(database=unnamed.database, objects=unnamed.objects, recordings=unnamed.recordings)
    return replace(restore, unnamed=later)


async def twelve_events(house: House) -> None:
    """Close, open and refuse something."""
    recording_id = await available(house, "rec-1")
    await erased(house, "rec-2")
    await refused(house, "rec-3")
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, actor="key_test"
    )
    await off(house)


async def test_the_cost_does_not_grow_with_the_archive(tmp_path: Path, threads: Threads):
    """Until the vault serves again: the same requests, and the same statements but for the depth of the tree."""
    costs = []
    for size in (2, 22):
        folder = tmp_path / str(size)
        folder.mkdir()
        async with (
            new_house(folder, threads) as house,
            behind(house, twelve_events, folder / "old", threads, before=size) as new,
        ):
            calls = len(new.objects.calls)
            with statements(new.database) as counted:
                report = await only_named(new)(actor="operator")
            assert report.findings == []
            assert report.counts["available"] == 1
            assert await new.database.read(lambda tx: tx.metadata.get(MARK)) is None
            costs.append((sorted(new.objects.calls[calls:]), len(counted)))
    (few, little), (many, much) = costs
    assert many == few
    assert much < little + 20


async def test_nothing_to_restore_reads_no_leaf(house: House):
    """The roots say that both logs are the same."""
    for number in range(3):
        await available(house, f"rec-{number}", call_ref=f"call-{number}")
    await write_all(house)
    before = len(house.objects.calls)
    with pytest.raises(Refused):
        await house.vault.backup.restore(actor="operator")
    # The anchors, the newest of them, the accounts' objects, the closing acts that may be missing, and both kinds of
    # objects of moves: an account that moved away must not come back.
    assert house.objects.calls[before:] == ["list", "get", "list", "list", "list", "list"]


async def test_only_new_tombstones_are_read(house: House, tmp_path: Path, threads: Threads):
    """Their keys are in the order of time; those of earlier releases come first."""
    for number in range(2):
        await erased(house, f"gone-{number}")
        await write_all(house)
    objects = house.objects.objects
    today, before = sorted(key for key in objects if key.startswith(TOMBSTONES))
    old = (
        tombstones_at(house.account.id, LONG_AGO, "0" * 16),
        f"{TOMBSTONES}{house.account.id}/tomb_{'f' * 32}.json",
    )
    for key, earlier in zip((today, before), old, strict=True):
        objects[earlier] = objects.pop(key)
        objects[earlier].body[:1] = b"["  # A reader finds it damaged.
    ended = list[str]()

    async def end(house: House) -> None:
        ended.append(await refused(house, "rec-1"))

    async with behind(house, end, tmp_path / "old", threads) as new:
        report = await only_named(new)(actor="operator")
        assert (report.findings, report.counts["tombstones"]) == ([], 1)
        assert await new.state(ended[0]) is State.REFUSED


async def test_what_no_event_names_is_found_by_its_time(house: House, tmp_path: Path, threads: Threads):
    """Facts of a call that came later are in the evidence of its recording, and no event says so."""
    said = {"from": "+4915112345678", "to": "+33612345678", "call_ref": "call-1"}
    heard = await available(house, "rec-1", **said)

    async def add_facts(house: House) -> None:
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", agent="Ada"))
        await off(house)  # The log must lack something, else nothing is noticed.

    async with behind(house, add_facts, tmp_path / "old", threads) as new:
        await only_named(new)(actor="operator")
        assert len(await chain_of(new, heard)) < len(await chain_of(house, heard))
        assert not await new.vault.node.recovery.check()
        # The worker does it if the command was killed.
        await new.vault.jobs.restore_unnamed.resume()
        assert await chain_of(new, heard) == await chain_of(house, heard)
        assert await new.heard(heard) == AUDIO
        assert not await new.vault.jobs.restore_unnamed.any_due()


async def test_a_recording_of_the_last_seconds_comes_in(house: House, tmp_path: Path, threads: Threads):
    """Its manifest was written, and its events were never anchored; what is restricted by an act stays so."""
    ids = list[str]()

    async def change(house: House) -> None:
        await house.vault.accounts.accounts.open("other", name=None, locale=None, actor="key_test")
        await write_all(house)
        ids.append(await available(house, "rec-1"))
        ids.append(await available(house, "rec-2", call_ref="call-2"))
        await write_objects(house)
        await house.vault.recordings.recordings.restrict(
            house.account.id, ids[1], restricted=True, reason=None, actor="key_test"
        )

    async with behind(house, change, tmp_path / "old", threads, last=False) as new:
        await only_named(new)(actor="operator")
        # The closing act names the second.
        assert [await exists(new, one) for one in ids] == [False, True]
        assert (await new.row(ids[1])).restricted
        await new.vault.jobs.restore_unnamed.resume()
        assert await new.heard(ids[0]) == AUDIO
        assert (await new.row(ids[1])).restricted


async def test_a_call_erased_meanwhile_stays_erased(house: House, tmp_path: Path, threads: Threads):
    """A recording of it was lost and has no row yet; when its manifest is found, it is erased too."""
    ids = list[str]()

    async def change(house: House) -> None:
        await house.vault.accounts.accounts.open("other", name=None, locale=None, actor="key_test")
        await write_all(house)
        ids.append(await available(house, "rec-1", call_ref="call-1"))
        await write_objects(house)

    await available(house, "rec-0", call_ref="call-1")
    async with behind(house, change, tmp_path / "old", threads, last=False) as new:
        await only_named(new)(actor="operator")
        await new.vault.recordings.calls.erase(house.account.id, "call-1", actor="key_test")
        await new.vault.jobs.restore_unnamed.resume()
        assert await new.state(ids[0]) is State.ERASING
        assert await new.keys_gone(ids[0])


async def test_what_goes_on_meanwhile_is_not_set_back(house: House, tmp_path: Path, threads: Threads):
    """While manifests are compared the vault serves: its own later changes win."""
    heard = await available(house, "rec-1", call_ref="call-1")
    gone = await available(house, "rec-2", call_ref="call-2")

    async def change(house: House) -> None:
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", agent="Ada"))
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-2", agent="Ada"))
        await off(house)

    async with behind(house, change, tmp_path / "old", threads) as new:
        await only_named(new)(actor="operator")
        await new.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", agent="Eve"))
        own = await chain_of(new, heard)
        await new.vault.recordings.recordings.erase(house.account.id, gone, actor="key_test")
        await new.vault.jobs.restore_unnamed.resume()
        assert await chain_of(new, heard) == own
        assert await new.keys_gone(gone)


async def test_an_erasure_is_in_the_store_before_its_objects_go(house: House):
    """Its act could not be put: then the worker puts it before it deletes the manifest."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    place = manifest_of(house.account.id, recording_id)
    house.objects.fail(at=1, when="before")
    with pytest.raises(Unavailable):
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    before = len(house.objects.calls)
    await house.hurry(recording_id)
    assert await house.vault.jobs.remove_erased()
    assert place not in house.objects.objects
    calls = house.objects.calls[before:]
    assert calls.index("put") < calls.index("delete")
    assert [key for key in house.objects.objects if key.startswith("closing/")]


async def write_objects(house: House) -> None:
    """Write accounts and manifests, but not the log."""
    for step in (house.vault.jobs.write_account_objects, house.vault.jobs.write_manifests):
        while await step():
            pass


async def chain_of(house: House, recording_id: str) -> list[str]:
    """Return the digests of a recording's later evidence."""
    rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    return [row.digest for row in rows]


async def exists(house: House, recording_id: str) -> bool:
    """Return whether there is a row."""
    return await house.database.read(lambda tx: tx.recordings.by_id(recording_id)) is not None
