"""Month keys: a rotation wraps them again and touches no recording; recordings of before come under them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.parties import PARTIES
from tests.support.rotation import (
    ME,
    all_under,
    before_months,
    everything_opens,
    fill,
    finish,
    manifest_of,
    rotate,
    versions,
)
from tests.support.service_house import AUDIO, House, another_node, blocks_of
from vault.database.account_parts.keys import KEYS
from vault.database.schema.account_keys import month_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.core import recordings
from vault.database.wrapped_keys import WrappedKeyRows
from vault.domain.accounts.account_keys import month_after, month_of
from vault.domain.recordings.recording import State
from vault.errors import NotFound, Tampered
from vault.thread_pools import Threads


@pytest.fixture
def second(house: House, tmp_path: Path) -> Iterator[House]:
    """Another node, which has cached nothing."""
    threads = Threads("second", 1)
    yield another_node(house, tmp_path, threads)
    threads.close()


async def rows(house: House, table: Any) -> list[Any]:
    """Return a table's rows."""
    return await house.database.read(lambda tx: tx.connection.execute(select(table)).all())


async def upload(house: House, ref: str) -> str:
    """Bring in a recording, with its manifest."""
    recording, _ = await house.vault.ingest.uploads.store(
        house.account.id, "call-1", ref, blocks_of(AUDIO), **ME
    )
    assert await house.settle(recording.id) is State.AVAILABLE
    await house.vault.jobs.write_manifests()
    return recording.id


async def test_a_rotation_touches_no_recording(either: House, monkeypatch: pytest.MonkeyPatch):
    """Rows of recordings and facts and manifests stay; the objects it writes do not grow with the recordings."""
    house = either
    written: Counter[str] = Counter()
    put = house.objects.put

    async def counted(key: str, *arguments: Any, **named: Any) -> Any:
        written[key.split("/", maxsplit=1)[0]] += 1
        return await put(key, *arguments, **named)

    recording_id = await fill(house)
    await house.vault.jobs.write_account_objects()
    costs = []
    for number in (1, 5):
        for ref in range(number):
            await upload(house, f"{number}-{ref}")
        await house.announce(f"waits-{number}", url="https://media.example/other.wav")
        await house.vault.jobs.write_account_objects()
        before = [await rows(house, table) for table in (recordings, call_facts)]
        with monkeypatch.context() as patch:
            patch.setattr(house.objects, "put", counted)
            await rotate(house)
            await finish(house)
        assert [await rows(house, table) for table in (recordings, call_facts)] == before
        costs.append(dict(written))
        written.clear()
    assert costs[0] == costs[1]
    assert {*costs[0]} <= {"accounts", "closing", "closed", "prompts", "requests"}
    assert await versions(house) == all_under(3)
    await everything_opens(house, recording_id)


async def test_recordings_of_before_come_under_the_month_of_their_arrival(either: House):
    """Rows, facts, announcements and manifests of the first form; the next rotation leaves them alone."""
    house = either
    recording_id = await fill(house)
    await before_months(house)
    assert manifest_of(house, recording_id).keys.month_key is None
    await house.set(recording_id, received_at=(await house.row(recording_id)).received_at.replace(year=2024))
    await everything_opens(house, recording_id)
    await rotate(house)
    await finish(house)
    keys = manifest_of(house, recording_id).keys
    assert keys.month_key is not None
    assert keys.month_key.startswith(f"2024-{(await house.row(recording_id)).received_at:%m}-")
    assert all(row.month_key is not None for row in await rows(house, call_facts))
    assert await versions(house) == all_under(2)
    await everything_opens(house, recording_id)
    manifest = manifest_of(house, recording_id)
    await rotate(house)
    await finish(house)
    assert manifest_of(house, recording_id) == manifest
    await everything_opens(house, recording_id)


async def test_the_key_of_the_next_month_is_in_the_bucket_ahead(house: House):
    """A month begins without a moment in which a bucket lacks the key of its recordings."""
    recording_id = await upload(house, "up")
    await house.vault.jobs.write_account_objects()
    at = (await house.row(recording_id)).received_at
    known = await house.database.read(lambda tx: tx.account_objects.read(house.account.id))
    assert [key.month for key in known[KEYS].month_keys] == [month_of(at), month_after(at)]
    assert not await house.vault.jobs.write_account_objects.any_due()


async def test_the_next_recording_asks_for_no_key(house: House, monkeypatch: pytest.MonkeyPatch):
    """Not one statement for its keys: announced, fetched, described, written and played from the ring."""

    async def recorded(ref: str) -> str:
        recording_id = (await house.announce(ref, **PARTIES)).recording_id
        assert await house.settle(recording_id) is State.AVAILABLE
        await house.vault.jobs.write_manifests()
        assert await house.heard(recording_id) == AUDIO
        return recording_id

    await recorded("first")
    asked: list[str] = []
    for name in ("wrapped", "current_version", "month_key", "month_keys", "add_month_keys"):

        async def ask(*_: object, name: str = name) -> None:
            asked.append(name)

        monkeypatch.setattr(WrappedKeyRows, name, ask)
    await recorded("second")
    assert asked == []
    assert house.root_key.unwrapped <= 2


async def test_what_comes_after_a_rotation_has_another_month_key(house: House):
    """So the old version and a copy of the database open nothing that came later."""
    before = await upload(house, "before")
    await rotate(house)
    after = await upload(house, "after")
    named = [manifest_of(house, one).keys.month_key for one in (before, after)]
    assert len({*named}) == 2
    await finish(house)
    assert [await house.heard(one) for one in (before, after)] == [AUDIO, AUDIO]


async def test_another_node_opens_after_a_rotation(house: House, second: House):
    """It had the month key as the old version wrapped it, and reads its new form."""
    recording_id = await upload(house, "up")
    assert await second.heard(recording_id) == AUDIO
    await rotate(house)
    await finish(house)
    second.vault.jobs.ingest.ring.forget(house.account.id)
    assert await second.heard(recording_id) == AUDIO


@pytest.mark.parametrize("moved", ["month key of the row", "wrapped month key"])
async def test_a_database_writer_cannot_swap_month_keys(house: House, second: House, moved: str):
    """The name of the month key is in the recording key's authenticated data, and its id in its own."""
    recording_id = await upload(house, "up")
    ring, account_id = house.vault.jobs.ingest.ring, house.account.id
    first, other = await rows(house, month_keys)
    if moved == "month key of the row":
        await house.set(recording_id, month_key=other.id)
    else:
        change = update(month_keys).where(month_keys.c.id == first.id).values(wrapped_key=other.wrapped_key)
        await house.database.write(lambda tx: tx.connection.execute(change) and None)
    with pytest.raises(Tampered):
        await second.heard(recording_id)
    assert (await ring.month_key(account_id, other.id)).name == f"month/{account_id}/{other.id}"


async def test_an_erased_recording_has_no_key_though_its_month_has(house: House):
    """Its wrapped key is gone from row and manifest; the month goes on for the others."""
    recording_id, other = await upload(house, "up"), await upload(house, "other")
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert await house.keys_gone(recording_id)
    await house.settle(recording_id)
    (row,) = [row for row in await rows(house, recordings) if row.id == recording_id]
    assert (row.wrapped_key, row.month_key, row.announcement_month_key) == (None, None, None)
    assert f"manifests/{house.account.id}/{recording_id}.json" not in house.objects.objects
    assert await house.heard(other) == AUDIO


async def test_a_month_key_that_is_gone_is_not_found(house: House, second: House):
    """As a destroyed version of the account key is."""
    recording_id = await upload(house, "up")
    await house.database.write(lambda tx: tx.connection.execute(month_keys.delete()) and None)
    with pytest.raises(NotFound):
        await second.heard(recording_id)
