"""A manifest says what the row says, whatever changes while it is written."""

from typing import Any

import pytest

from tests.support.service_house import House
from vault.domain.stored.manifest import decode_manifest, location_of


async def restrict(house: House, recording_id: str) -> None:
    """Restrict a recording."""
    await house.vault.recordings.restrict(
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
