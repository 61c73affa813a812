"""A manifest says what the row says, whatever changes while it is written; it alone keeps the waveform."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.restoring import available
from tests.support.service_house import House
from tests.support.statements import statements
from vault.domain.audit_log.replay import Replay
from vault.domain.ids import new_id
from vault.domain.progress import Report
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.services.backup.restore_recordings import OpenedManifest, put_manifests


async def restrict(house: House, recording_id: str) -> None:
    """Restrict a recording."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason="asked", actor="key_test"
    )


@pytest.mark.parametrize("at", range(1, 4))
async def test_a_restriction_while_it_is_written_is_written_too(
    house: House, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Before any of its reads and writes; in the end the manifest has what the row has."""
    recording_id = (await house.announce()).recording_id
    assert recording_id is not None
    await house.vault.jobs.ingest()
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    calls = 0

    async def first(call: Any, function: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            monkeypatch.undo()
            await restrict(house, recording_id)
        return await call(function, **more)

    def beside(name: str) -> None:
        call = getattr(house.database, name)

        async def wrapped(function: Any, **more: Any) -> Any:
            return await first(call, function, **more)

        # This database alone: others in this process may be read by other threads meanwhile.
        monkeypatch.setattr(house.database, name, wrapped)

    beside("read")
    beside("write")
    await house.vault.jobs.write_manifests()
    assert calls >= at
    monkeypatch.undo()
    while await house.vault.jobs.write_manifests():
        pass
    kept = house.objects.objects[location_of(house.account.id, recording_id)]
    assert decode_manifest(bytes(kept.body)).recording.restricted


async def waveform(house: House, recording_id: str) -> tuple[bytes, ...]:
    """Return what the player draws."""
    return await house.vault.playback.player.waveform(house.account.id, recording_id, actor="key_test")


async def waveform_in_row(house: House, recording_id: str) -> bytes | None:
    """Return the waveform that the database has."""
    keys = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    assert keys is not None
    return keys.waveform


async def test_a_waveform_leaves_the_row_for_the_manifest(house: House) -> None:
    """It is drawn before and after; a manifest that is written again has it too."""
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    drawn = await waveform(house, recording_id)
    assert await waveform_in_row(house, recording_id) is None
    await restrict(house, recording_id)
    while await house.vault.jobs.write_manifests():
        pass
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=False, reason=None, actor="key_test"
    )
    assert await waveform(house, recording_id) == drawn


@pytest.mark.parametrize("body", [b"", b"{}", None])
async def test_a_lost_manifest_costs_the_waveform_alone(house: House, body: bytes | None) -> None:
    """What is no manifest is written again from the row, and the recording plays."""
    recording_id = (await house.announce()).recording_id or ""
    await house.vault.jobs.ingest()
    location = location_of(house.account.id, recording_id)
    await house.objects.delete(location)
    if body is not None:
        await house.objects.put(location, body)
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    await house.vault.jobs.write_manifests()
    assert decode_manifest(await house.objects.get(location)).keys.waveform is None
    with pytest.raises(NotFound):
        await waveform(house, recording_id)
    assert await house.heard(recording_id)


async def opened_manifest(house: House) -> tuple[str, OpenedManifest]:
    """Return the id of an available recording, and its manifest as a restore reads it."""
    recording_id = await available(house, "rec-1", **{"from": "+4915112345678", "to": "+33612345678"})
    await house.vault.jobs.write_manifests()
    restore = house.vault.backup.restore.unnamed.recordings
    location = location_of(house.account.id, recording_id)
    opened = await restore.open_manifest(location, Replay(), Report(), listed=True)
    assert opened is not None
    assert opened.terms
    return recording_id, opened


def like(opened: OpenedManifest, ref: str) -> OpenedManifest:
    """Return the manifest of another recording of another call, in all else the same."""
    recording = replace(opened.manifest.recording, id=new_id("rec"), recording_ref=ref, call_ref=ref)
    facts = [replace(one, id=new_id("fact"), call_ref=ref, delivery=ref) for one in opened.facts]
    return replace(opened, manifest=replace(opened.manifest, recording=recording), facts=facts)


async def test_recordings_are_restored_together(pair: House):
    """Two of one reference: the first; one that is there already stays; terms and facts of all that came."""
    known, opened = await opened_manifest(pair)
    one, other, twin = like(opened, "one"), like(opened, "other"), like(opened, "one")
    put = partial(put_manifests, [one, opened, twin, other], (), {})
    placed, refused = await pair.database.write(put)
    ids = [of.manifest.recording.id for of in (one, other, twin)]
    assert (placed, refused) == ([ids[0], known, ids[1]], [location_of(pair.account.id, ids[2])])
    account_id, terms = pair.account.id, opened.terms
    assert await pair.database.read(lambda tx: tx.call_facts.find(account_id, terms, None, 9)) == [
        opened.manifest.recording.call_ref, "one", "other",
    ]  # fmt: skip
    for ref, recording_id in (("one", ids[0]), ("other", ids[1])):
        facts = await pair.database.read(lambda tx, ref=ref: tx.call_facts.of_call(account_id, ref))
        assert [row.delivery for row in facts] == [ref]
        assert (await pair.row(recording_id)).recording_ref == ref


async def test_many_take_the_statements_of_a_few(pair: House):
    """Of recordings that a database does not have."""
    _, opened = await opened_manifest(pair)
    taken = []
    for size in (2, 32):
        many = [like(opened, f"{size}-{number}") for number in range(size)]
        with statements(pair.database) as counted:
            placed, _ = await pair.database.write(partial(put_manifests, many, (), {}))
        assert len(placed) == size
        taken.append(len(counted))
    assert taken[0] == taken[1]
