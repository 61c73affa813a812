"""A manifest says what the row says, whatever changes while it is written; it alone keeps the waveform."""

from typing import Any

import pytest

from tests.support.service_house import House
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound


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
