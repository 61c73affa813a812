"""What is removed from a recording leaves the packages of persons too: also one that is just being made."""

import pytest

from tests.services.requests.people import ask, asks, carried_out, decide
from tests.services.requests.stereo_calls import package
from tests.services.requests.test_package_erasures import both, given, is_gone
from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.recordings.redaction import Span
from vault.services.requests.package_contents import PackageContents

#: All of it, so that what is left is silent.
WHOLE = Span(begin_ms=0, end_ms=100)


async def redact(house: House, recording_id: str) -> None:
    """Remove the beginning."""
    await house.vault.recordings.recordings.redact(
        house.account.id, recording_id, [WHOLE], reason="card data", **ME
    )


async def beginning(house: House, request_id: str) -> bytes:
    """Return the first tenth of a second of the person's channel, in the package."""
    files = await package(house, request_id)
    (name,) = [name for name in files.namelist() if name.endswith("audio.wav")]
    return files.read(name)[44 : 44 + 1600]


async def test_a_package_with_the_recording_is_deleted(either: House):
    """It has the audio of before."""
    recording_id = await both(either)
    own = await given(either)
    await redact(either, recording_id)
    assert await is_gone(either, own)


async def test_a_package_that_is_being_made_is_made_again(either: House, monkeypatch: pytest.MonkeyPatch):
    """It has read the old audio, and the row is written after the removal."""
    recording_id = await both(either)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    whole, done = PackageContents.consultations, []

    async def late(self: PackageContents, account_id: str, of: str) -> object:
        if not done:
            done.append(of)
            await redact(either, recording_id)
        return await whole(self, account_id, of)

    monkeypatch.setattr(PackageContents, "consultations", late)
    await carried_out(either, view.request.id)
    assert done == [recording_id]
    assert await beginning(either, view.request.id) == bytes(1600)
