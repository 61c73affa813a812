"""An ingest that goes on to the gate under its lease: what happens beside it, and what a failure leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.service_house import AUDIO, House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import Unavailable

Beside = Callable[[], Awaitable[object]]


def while_described(house: House, beside: Beside) -> None:
    """Let something happen once the next recording is decoded, and before its gate."""
    describe = house.describer.describe

    async def describe_and_meet(source: Any, rendition: Any, **given: Any) -> Any:
        house.describer.describe = describe  # type: ignore[method-assign]
        described = await describe(source, rendition, **given)
        await beside()
        return described

    house.describer.describe = describe_and_meet  # type: ignore[method-assign]


def while_manifest_is_written(house: House, beside: Beside, *, first: bool = True) -> None:
    """Let something happen before, or just after, the next object is replaced."""
    replaced = house.objects.replace

    async def replace_and_meet(key: str, body: bytes, **how: bool) -> None:
        house.objects.replace = replaced  # type: ignore[method-assign]
        if first:
            await beside()
        await replaced(key, body, **how)
        if not first:
            await beside()

    house.objects.replace = replace_and_meet  # type: ignore[method-assign]


def manifest(house: House, recording_id: str) -> Any:
    """Return the stored manifest."""
    return decode_manifest(bytes(house.objects.objects[location_of(house.account.id, recording_id)].body))


async def test_a_large_recording_is_stored_before_it_is_described(house: House):
    """A crash must not fetch much again; one byte below the limit goes on."""
    for limit, state in ((len(AUDIO), State.STORED), (len(AUDIO) + 1, State.AVAILABLE)):
        house.with_jobs(ingest=replace(house.vault.jobs.ingest, store_from=limit))
        recording_id = (await house.announce(f"rec-{limit}")).recording_id or ""
        assert await house.vault.jobs.ingest()
        assert await house.state(recording_id) is state


@pytest.mark.parametrize("on_again", [False, True])
async def test_off_while_it_is_described_refuses_it(house: House, on_again: bool):
    """The row was refused, and the gate changes nothing of that; no object and no key is left."""

    async def flip() -> None:
        for enabled in (False, True) if on_again else (False,):
            await house.vault.accounts.switch.set(
                house.account.id, enabled=enabled, reason=None, actor="key_test"
            )

    while_described(house, flip)
    recording_id = (await house.announce()).recording_id or ""
    assert await house.vault.jobs.ingest()
    assert (await house.state(recording_id), house.audio_objects()) == (State.REFUSED, [])
    assert await house.keys_gone(recording_id)
    assert await house.events(recording_id) == ["recording.refused"]


async def test_an_objection_while_it_is_described_is_seen_by_the_gate(house: House):
    """A fact that came meanwhile is loaded again; the recording is found by it."""

    async def tell() -> None:
        facts = CallFacts(call_ref="call-1", direction="inbound", caller="+4930123456", agent="Ada")
        await house.vault.recordings.calls.start(house.account.id, facts)
        await house.vault.consent.objections.enter(house.account.id, facts.caller, reason=None, actor="key")

    while_described(house, tell)
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.REFUSED, "objection")
    assert house.audio_objects() == []


async def test_a_key_that_is_rotated_while_it_is_described(house: House):
    """Its key is wrapped again under the new version before the row names it; nothing is fetched again."""
    rotate = house.vault.key_rotation.rotations.begin
    while_described(house, lambda: rotate(house.account.id, actor="key_test"))
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    keys = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    assert keys is not None
    assert (await house.state(recording_id), keys.key_version) == (State.AVAILABLE, 2)
    assert replace(manifest(house, recording_id).keys, waveform=None) == keys
    assert await house.heard(recording_id) == AUDIO
    assert len(house.fetcher.requests) == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
async def test_what_does_not_read_back_is_fetched_again(house: House, damage: str):
    """The damaged object goes immediately, because no row names it."""
    read = house.objects.read

    async def damaged(key: str, start: int, end: int) -> bytes:
        house.objects.read = read  # type: ignore[method-assign]
        if damage == "flip":
            house.objects.objects[key].body[-20] ^= 1
        elif damage == "cut":
            del house.objects.objects[key].body[-1]
        else:
            del house.objects.objects[key]
        return await read(key, start, end)

    house.objects.read = damaged  # type: ignore[method-assign]
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code, row.audio) == (State.RETRY_WAIT, "read_back_failed", None)
    assert house.audio_objects() == []
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO


async def test_a_part_that_is_unavailable_leaves_it_stored(house: House):
    """What was fetched and sealed waits as stored, for the describer: it is not fetched again."""

    async def gone() -> None:
        raise Unavailable("No process could be started.")

    while_described(house, gone)
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.STORED
    assert not await house.vault.jobs.describe(), "It is described after a pause."
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO
    assert len(house.fetcher.requests) == 1


async def test_a_stop_while_it_is_described_leaves_it_stored(house: House):
    """A node that stops gives the recording to the next one, with what it has fetched."""
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    while_described(house, hang)
    recording_id = (await house.announce()).recording_id or ""
    working = asyncio.create_task(house.vault.jobs.ingest())
    await asyncio.wait_for(begun.wait(), 10)
    working.cancel()
    await asyncio.wait({working})
    assert await house.state(recording_id) is State.STORED
    assert await house.settle(recording_id) is State.AVAILABLE
    assert len(house.fetcher.requests) == 1


async def test_a_worker_that_loses_its_lease_while_it_is_described(house: House):
    """Another worker took it for dead and has brought it in: that recording stands, this one's object goes."""

    async def bring_in_elsewhere() -> None:
        await house.hurry(recording_id)
        assert await house.vault.jobs.ingest()

    recording_id = (await house.announce()).recording_id or ""
    while_described(house, bring_in_elsewhere)
    await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    assert house.audio_objects() == [row.audio.location]  # type: ignore[union-attr]
    assert await house.heard(recording_id) == AUDIO


async def test_a_gate_whose_reply_is_lost_keeps_its_object(house: House):
    """The commit may have happened: the row names the object then, and it must not be deleted."""
    admit = house.vault.jobs.ingest.admit

    class LosingReply:
        """A database whose reply to the gate's commit is lost."""

        def __getattr__(self, name: str) -> Any:
            return getattr(house.database, name)

        async def write(self, function: Any, *, urgent: bool = False) -> Any:
            result = await house.database.write(function, urgent=urgent)
            if getattr(getattr(function, "func", None), "__name__", "") == "gate":
                raise Unavailable("The reply to the commit was lost.")
            return result

    losing = replace(admit, database=LosingReply())  # type: ignore[arg-type]
    house.with_jobs(ingest=replace(house.vault.jobs.ingest, admit=losing))
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO
    assert await house.events(recording_id) == ["recording.available", "download.grant", "download.end"]
    # The lease that was kept for the manifest runs out.
    assert not await house.vault.jobs.write_manifests()
    await house.hurry(recording_id)
    assert await house.vault.jobs.write_manifests()


async def test_a_change_while_the_first_manifest_is_written(house: House):
    """It is written again, also if this write came last; until then nobody else writes it."""

    async def restrict() -> None:
        await house.vault.recordings.recordings.restrict(
            house.account.id, recording_id, restricted=True, reason="asked", actor="key_test"
        )
        assert not await house.vault.jobs.write_manifests.any_due()

    recording_id = (await house.announce()).recording_id or ""
    while_manifest_is_written(house, restrict)
    await house.vault.jobs.ingest()
    assert not manifest(house, recording_id).recording.restricted
    assert await house.vault.jobs.write_manifests()
    assert manifest(house, recording_id).recording.restricted
    assert not await house.vault.jobs.write_manifests.any_due()


@pytest.mark.parametrize("how", ["rewrap", "store_rewritten"])
async def test_what_makes_a_manifest_due_is_not_overwritten(house: House, how: str):
    """New wrapped keys, and a store that must be written again, while the first manifest is being written."""

    async def rewrap() -> None:
        # A recording of an earlier release, whose key the account key itself wraps.
        await house.set(recording_id, month_key=None)
        (rotation,) = (await house.vault.key_rotation.rotations.begin(account_id, actor="key_test")).rotations

        def replace_key(tx: Any) -> int:
            rows = tx.rotations.under("recording_key", account_id, 1, limit=9)
            return tx.rotations.replace("recording_key", rotation, [(row, b"new") for row in rows], version=2)

        assert await house.database.write(replace_key) == 1

    account_id, recording_id = house.account.id, (await house.announce()).recording_id or ""
    rewrite = partial(house.database.write, lambda tx: tx.object_store.rewrite_recordings(after="", limit=10))
    while_manifest_is_written(house, rewrap if how == "rewrap" else rewrite)
    await house.vault.jobs.ingest()
    assert await house.vault.jobs.write_manifests.any_due()


@pytest.mark.parametrize("first", [True, False])
async def test_an_erasure_while_the_first_manifest_is_written(house: House, first: bool):
    """The manifest holds the key, so it goes again, whichever came first."""

    async def erase() -> None:
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
        assert await house.vault.jobs.remove_erased()

    recording_id = (await house.announce()).recording_id or ""
    while_manifest_is_written(house, erase, first=first)
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.ERASED
    assert house.lasting_objects() == []


@pytest.mark.parametrize("lost", [False, True])
async def test_a_store_that_takes_no_manifest_delays_it_alone(house: House, lost: bool):
    """The recording plays, and the job writes the manifest as soon as it is left, with no older version of it."""

    async def fail() -> None:
        raise Unavailable("The store does not answer.")

    recording_id = (await house.announce()).recording_id or ""
    while_manifest_is_written(house, fail, first=not lost)
    await house.vault.jobs.ingest()
    assert await house.heard(recording_id) == AUDIO
    assert await house.vault.jobs.write_manifests()
    assert manifest(house, recording_id).recording.id == recording_id
    assert house.objects.older == {}


async def test_a_stop_while_the_first_manifest_is_written(house: House):
    """The next node writes it immediately."""
    begun, recording_id = asyncio.Event(), (await house.announce()).recording_id or ""

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    while_manifest_is_written(house, hang)
    working = asyncio.create_task(house.vault.jobs.ingest())
    await asyncio.wait_for(begun.wait(), 10)
    working.cancel()
    await asyncio.wait({working})
    assert await house.state(recording_id) is State.AVAILABLE
    assert await house.vault.jobs.write_manifests()
    assert manifest(house, recording_id).recording.id == recording_id
