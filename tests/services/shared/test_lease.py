"""Work under a lease: its own last write is no loss, and what took the row away is told as it is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.support.service_house import AUDIO, House
from vault.domain.recordings.recording import State
from vault.errors import RecordingErased, Refused
from vault.services.shared import row_lease

ME = {"actor": "key_test"}


async def slowly(pause: float = 0.003) -> AsyncIterator[bytes]:
    """Send the audio, and end a little later."""
    yield AUDIO
    await asyncio.sleep(pause)


async def upload(house: House, ref: str, body: AsyncIterator[bytes]) -> State:
    """Send a recording; return how it stands then."""
    row, _ = await house.vault.ingest.uploads.store(house.account.id, f"call-{ref}", ref, body, **ME)
    return row.state


@pytest.mark.parametrize("often", [1, 5, 20])
async def test_a_renewal_beside_the_last_write_is_no_loss(
    house: House, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    """However often the lease is renewed: what was stored is answered as stored."""
    monkeypatch.setattr(row_lease, "RENEWAL", timedelta(milliseconds=often))
    found = [await upload(house, f"rec-{number}", slowly()) for number in range(30)]
    assert found == [State.STORED] * 30


async def test_what_ends_an_upload_is_said_as_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by the switch with its reason, and erased as erased: the lease is gone in both cases."""
    monkeypatch.setattr(row_lease, "RENEWAL", timedelta(milliseconds=5))
    monkeypatch.setattr(row_lease, "_LAST_WRITE", 0.01)

    async def refused() -> AsyncIterator[bytes]:
        yield AUDIO
        await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
        await asyncio.sleep(1)

    with pytest.raises(Refused) as caught:
        await upload(house, "refused", refused())
    assert caught.value.reasons == ("switched_off_since_receipt",)
    await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, **ME)

    async def erased() -> AsyncIterator[bytes]:
        yield AUDIO
        row = await house.database.read(lambda tx: tx.recordings.by_ref(house.account.id, None, "erased"))
        assert row is not None
        await house.vault.recordings.recordings.erase(house.account.id, row.id, **ME)
        await asyncio.sleep(1)

    with pytest.raises(RecordingErased):
        await upload(house, "erased", erased())
