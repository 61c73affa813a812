"""Packages of a person that has many recordings: several parts, each of bounded size."""

import json

import pytest

from tests.services.requests.people import OTHER, PERSON, ask, asks, carried_out, decide
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.services.requests import package_files


async def test_a_long_answer_is_several_parts(either: House, monkeypatch: pytest.MonkeyPatch):
    """Each is a ZIP of its own; together they have every recording once, and what cannot be decoded is listed once."""
    monkeypatch.setattr(package_files, "MAX_PART_BYTES", 20_000)
    recording_ids = [
        await stereo_call(either, f"call-{number}", caller=PERSON, callee=OTHER) for number in range(5)
    ]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await either.vault.jobs.execute_requests()
    assert [
        one.part for one in await either.vault.requests.packages.parts(either.account.id, view.request.id)
    ] == [1]
    either.describer.undecodable = 1
    assert await carried_out(either, view.request.id) is RequestState.PARTLY_FULFILLED
    parts = await either.vault.requests.packages.parts(either.account.id, view.request.id)
    assert [one.part for one in parts] == [1, 2, 3, 4]
    given, left_out, last = [], [], []
    for part in (1, 2, 3, 4):
        files = await package(either, view.request.id, part=part)
        assert files.testzip() is None
        given += [name.split("/")[1] for name in files.namelist() if name.endswith("audio.wav")]
        told = json.loads(files.read("request.json"))
        left_out += [one["recording"] for one in told["left_out"]]
        last.append(told["is_last_part"])
    assert sorted([*given, *left_out]) == sorted(recording_ids)
    assert (len(left_out), last) == (1, [False, False, False, True])


async def test_the_next_erasure_finds_every_part(either: House, monkeypatch: pytest.MonkeyPatch):
    """Each holds copies of what is to be erased."""
    monkeypatch.setattr(package_files, "MAX_PART_BYTES", 1)
    for number in range(3):
        await stereo_call(either, f"call-{number}", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    assert len(await either.vault.requests.packages.parts(either.account.id, view.request.id)) == 3
    erasure = await ask(either, asks(reference="ticket 2"))
    await decide(either, erasure.request.id)
    assert await carried_out(either, erasure.request.id) is RequestState.FULFILLED
    with pytest.raises(NotFound):
        await either.vault.requests.packages.parts(either.account.id, view.request.id)
    assert not [key for key in either.objects.objects if key.startswith("packages/")]
