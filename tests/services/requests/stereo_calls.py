"""Calls with a channel for each party, and the packages that give a person their own."""

import asyncio
import io
import wave
import zipfile
from array import array
from datetime import datetime

from tests.services.requests.people import ACTOR, call
from tests.support.service_house import House

#: Sample values that mark each channel: no byte of one is a byte of the other.
CALLER_MARK, CALLEE_MARK = 0x1111, 0x2222
STEREO = ["caller", "callee"]


def stereo(seconds: float = 1.0) -> bytes:
    """Return a WAV file with a marker tone on each channel."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array("h", [CALLER_MARK, CALLEE_MARK] * round(8000 * seconds)).tobytes())
    return out.getvalue()


async def stereo_call(
    house: House, ref: str, *, caller: str, callee: str, seconds: float = 1.0, at: datetime | None = None
) -> str:
    """Let a call be recorded with a channel for each party; return the recording's id."""
    await call(house, ref, caller=caller, callee=callee, at=at)
    url = f"https://media.example/{ref}.wav"
    # A long one takes longer to make than a step of the event loop may take.
    body = await asyncio.to_thread(stereo, seconds)
    receipt = await house.announce(f"rec-{ref}", body=body, url=url, call_ref=ref, voices=STEREO)
    await house.settle(receipt.recording_id)
    return receipt.recording_id


async def package(house: House, request_id: str, *, part: int = 1) -> zipfile.ZipFile:
    """Download a part of a package."""
    size, blocks = await house.vault.requests.packages.download(
        house.account.id, request_id, part=part, actor=ACTOR
    )
    data = b"".join([block async for block in blocks])
    assert len(data) == size
    return zipfile.ZipFile(io.BytesIO(data))
