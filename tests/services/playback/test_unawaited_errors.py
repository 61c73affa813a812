"""What fails while nobody waits for it any more: no complaint of asyncio, which would be in the log of the server."""

import asyncio
import gc
from typing import Any

import pytest

from tests.services.playback.test_end_sessions import opened, recording_of
from tests.support.service_house import AUDIO, House
from vault.errors import Unavailable


@pytest.fixture
async def complaints() -> list[str]:
    """What the loop complains of."""
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context["message"]))
    return said


async def settled() -> None:
    """Let everything run that can, and drop what nobody holds."""
    for _ in range(20):
        await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)


async def test_a_grant_for_a_reader_who_leaves(
    house: House, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window that follows is granted while a block is read: it fails, and the reader goes."""
    monkeypatch.setattr("vault.domain.playback.link.FIRST_WINDOW", 200)
    _, played, _ = await opened(house, await recording_of(house))
    grant, failed = house.database.grant, asyncio.Event()
    granted: list[Any] = []

    async def twice(wanted: Any) -> bool:
        granted.append(wanted)
        if len(granted) > 2:
            failed.set()
            raise Unavailable("The database is away.")
        return await grant(wanted)

    monkeypatch.setattr(house.database, "grant", twice)
    blocks = await house.vault.playback.audio.stream(played, 0, len(AUDIO))
    assert len(await anext(blocks)) == 200
    await anext(blocks)
    await failed.wait()
    await settled()
    await blocks.aclose()
    del blocks
    await settled()
    assert complaints == []
