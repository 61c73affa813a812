"""Downloads of a package: only those that could begin count, however many come together."""

import asyncio
import zipfile

import pytest

from tests.services.requests.people import OTHER, PERSON, ask, asks, carried_out, decide
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.domain.requests.package import MAX_DOWNLOADS
from vault.errors import Refused, Unavailable


async def made(house: House) -> str:
    """Let a package be made; return the request's id."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    await carried_out(house, view.request.id)
    return view.request.id


async def reads(house: House) -> int:
    """Return how many downloads are on record."""
    await house.vault.jobs.log_publisher.sequence()
    return (await house.events()).count("export.read")


async def test_a_download_without_the_key_does_not_count(either: House):
    """A key service that is down uses up none of the downloads, and is not on record as one."""
    request_id = await made(either)
    either.root_key.reachable = False
    for _ in range(MAX_DOWNLOADS):
        either.vault.requests.packages.ring.forget(either.account.id)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable):
            await package(either, request_id)
    assert await reads(either) == 0
    either.root_key.reachable = True
    for _ in range(MAX_DOWNLOADS):
        await package(either, request_id)
    assert await reads(either) == MAX_DOWNLOADS


async def test_a_download_without_the_object_store_does_not_count(either: House):
    """Nothing was read, so nothing was handed out."""
    request_id = await made(either)
    for _ in range(MAX_DOWNLOADS):
        either.objects.fail(at=1, when="before")
        with pytest.raises(Unavailable):
            await package(either, request_id)
    assert await reads(either) == 0
    assert (await package(either, request_id)).testzip() is None


async def test_of_concurrent_downloads_only_three_begin(either: House):
    """All read the package before any counts."""
    request_id = await made(either)
    results = await asyncio.gather(*(package(either, request_id) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, zipfile.ZipFile) for one in results) == MAX_DOWNLOADS
    assert sum(isinstance(one, Refused) for one in results) == 5 - MAX_DOWNLOADS
    assert await reads(either) == MAX_DOWNLOADS


async def test_a_download_is_on_record_before_its_first_byte(either: House):
    """Also if nobody reads on."""
    request_id = await made(either)
    await either.vault.requests.packages.download(either.account.id, request_id, actor="key_privacy")
    assert await reads(either) == 1
