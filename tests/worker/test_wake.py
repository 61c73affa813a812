"""Signals wake the worker for every kind of work; the slow poll is off here, so work without a signal stays undone."""

import psycopg

from tests.support.service_house import House
from tests.support.working import until, until_nothing_is_due, worker
from vault.database.signals import Signal, Work
from vault.domain.recordings.recording import State
from vault.services.shared.row_lease import claim

_ME = {"actor": "key_test"}


async def published(house: House, recording_id: str) -> bool:
    """Return whether the recording is available, and some of the log published."""
    size = await house.database.read(lambda tx: tx.object_store.published_size())
    return await house.state(recording_id) is State.AVAILABLE and size > 0


async def has(house: House, prefix: str) -> bool:
    """Return whether the object store has an object below the prefix."""
    return any(key.startswith(prefix) for key in house.objects.objects)


async def test_one_step_wakes_the_next(either: House):
    """Webhook, ingest, describe, manifest, sequence, signature, publication: each is woken by the one before."""
    async with worker(either):
        await until_nothing_is_due(either)
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")
        await until_nothing_is_due(either)
    assert await has(either, "manifests/")


async def test_an_erasure_and_a_switch_wake_the_rest(either: House):
    """Objects are deleted, tombstones written, and the act of each is settled in the end."""
    async with worker(either):
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **_ME)

        async def erased() -> bool:
            return await either.state(recording_id) is State.ERASED and not either.audio_objects()

        await until(erased, "erased")
        await until(lambda: has(either, "tombstones/"), "its tombstone")


async def test_one_process_wakes_another(on_postgresql: House, node: House):
    """One process takes the webhook, another works: its signals come by the database."""
    async with worker(node):
        await until_nothing_is_due(node)
        recording_id = (await on_postgresql.announce()).recording_id or ""
        await until(lambda: published(on_postgresql, recording_id), "available, and its log published")
        await on_postgresql.vault.recordings.recordings.erase(on_postgresql.account.id, recording_id, **_ME)

        async def erased() -> bool:
            return await node.state(recording_id) is State.ERASED

        await until(erased, "erased")


async def test_a_lost_signal_is_found_by_the_slow_poll(either: House):
    """Nothing is delivered: the slow poll alone brings the recording in."""
    either.database.signals.emit = lambda _: None  # type: ignore[method-assign]
    async with worker(either, poll_interval=0.05):
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")


async def test_a_row_that_was_locked_is_tried_again(on_postgresql: House, migrated_url: str):
    """A claim passes over a row that another transaction has locked, and its signal came once: there is a later one."""
    await on_postgresql.announce()
    emitted: list[Signal] = []
    on_postgresql.database.signals.emit = emitted.extend  # type: ignore[method-assign]
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT 1 FROM recordings FOR UPDATE")
        assert await claim(on_postgresql.database, State.RECEIVED) is None
    assert [signal.work for signal in emitted if signal.after > 0] == [Work.INGEST]
    assert await claim(on_postgresql.database, State.RECEIVED) is not None
