"""The bytes of a package: a channel that is taken out of a WAV file, and the ZIP file with its sums.

Packages of a person that has many recordings: several parts, each of bounded size.

What a package does not have is named in it, and not ``provided`` in the receipt.

Notes in packages: what listeners wrote down of a call is about its parties.

Downloads of a package: only those that could begin count, however many come together.
"""

import asyncio
import hashlib
import io
import json
import re
import wave
import zipfile
from array import array
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.services.requests.people import ACTOR, OTHER, PERSON, ask, asks, carried_out, decide, receipt
from tests.services.requests.stereo_calls import CALLEE_MARK, package, stereo, stereo_call
from tests.support import corpus
from tests.support.service_house import House
from vault.domain.playback.note import NoteContent
from vault.domain.requests.package import MAX_DOWNLOADS, ChannelOf
from vault.domain.requests.request import RequestState
from vault.errors import DescriberCrashed, NotFound, Refused, Tampered, Unavailable
from vault.services.requests import package_files
from vault.services.requests.zip_stream import ZipStream
from vault.tlog.receipt_file import verify_receipt


@pytest.mark.parametrize("size", [1, 7, 43, 44, 45, 1000, 100_000])
def test_a_channel_is_taken_out_of_blocks_of_any_length(size: int):
    """Blocks end within headers and samples."""
    whole, taken = stereo(0.05), ChannelOf(1, of=2)
    mono = b"".join(taken.take(whole[start : start + size]) for start in range(0, len(whole), size))
    with wave.open(io.BytesIO(mono)) as file:
        assert set(array("h", file.readframes(file.getnframes()))) == {CALLEE_MARK}
        assert (file.getnchannels(), file.getnframes()) == (1, 400)


def test_another_number_of_channels_than_the_recording_has_is_refused():
    """A decoder that mixed both parties into one must not pass for the person alone."""
    with pytest.raises(DescriberCrashed):
        ChannelOf(0, of=2).take(corpus.wav(corpus.tones(channels=1)))


async def test_the_sums_have_a_file_that_breaks_off():
    """What is left of a damaged recording stays in the package, so its hash does too."""

    async def breaks_off() -> AsyncIterator[bytes]:
        yield b"the first half"
        raise Tampered("The second frame was changed.")

    archive = ZipStream(datetime(2026, 11, 29, 12, tzinfo=UTC))
    audio = archive.add("audio.wav", breaks_off())
    blocks = [await anext(audio)]
    with pytest.raises(Tampered):
        await anext(audio)
    blocks += [archive.add_text("request.json", "{}"), archive.finish()]
    files = zipfile.ZipFile(io.BytesIO(b"".join(blocks)))
    assert (files.testzip(), files.read("audio.wav")) == (None, b"the first half")
    sums = dict(reversed(line.split("  ")) for line in files.read("SHA256SUMS").decode().splitlines())
    assert sums == {
        name: hashlib.sha256(files.read(name)).hexdigest() for name in ("audio.wav", "request.json")
    }


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


async def test_a_recording_that_is_erased_after_the_decision_is_not_provided(either: House):
    """The worker comes later: neither package nor receipt says that the person got it."""
    erased, given = [
        await stereo_call(either, ref, caller=PERSON, callee=OTHER) for ref in ("call-1", "call-2")
    ]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await either.vault.recordings.recordings.erase(either.account.id, erased, actor=ACTOR)
    assert await carried_out(either, view.request.id) is RequestState.PARTLY_FULFILLED
    files = await package(either, view.request.id)
    assert json.loads(files.read("request.json"))["left_out"] == [{"recording": erased, "reason": "erased"}]
    left_out = files.read("index.html").decode().partition("What is not here")[2].partition("</section>")[0]
    assert re.search(r"<li>Call of [^<]+ UTC was erased\.</li>", left_out)
    assert erased not in left_out
    statement = verify_receipt(await receipt(either, view.request.id)).statement
    outcomes = {one["id"]: one["outcome"] for one in statement["recordings"]}
    assert outcomes == {erased: "not_provided", given: "provided"}


@pytest.mark.parametrize("state", ["refused", "failed"])
async def test_a_recording_that_was_never_stored_is_not_provided(either: House, state: str):
    """There is no audio of it, and never was."""
    recording_id = await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    await either.set(recording_id, state=state)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    assert await carried_out(either, view.request.id) is RequestState.DENIED
    files = await package(either, view.request.id)
    left_out = json.loads(files.read("request.json"))["left_out"]
    assert left_out == [{"recording": recording_id, "reason": "not_stored"}]
    (one,) = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert one["outcome"] == "not_provided"


async def test_a_package_has_what_listeners_wrote_down_of_a_call(house: House):
    """The notes of every author are there, in the order of their moments, and nothing says who did."""
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    for author, at, text in (("per_1", 0.5, "asks for a refund"), ("key_2", 0.25, None)):
        content = NoteContent(at=at, text=text)
        await house.vault.playback.own_notes.add(house.account.id, recording_id, content, author=author)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    text = (await package(house, view.request.id)).read(f"recordings/{recording_id}/notes.json").decode()
    told = [(one["at_seconds"], one["text"]) for one in json.loads(text)]
    assert told == [(0.25, None), (0.5, "asks for a refund")]
    assert "per_1" not in text
    assert "key_2" not in text


async def test_a_package_has_the_metadata_of_a_call(house: House):
    """That of the call and that of the recording, each under its name."""
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    recordings, calls = house.vault.recordings.recordings, house.vault.recordings.calls
    await calls.metadata.change_call(house.account.id, "call-1", {"order": "4711"}, actor="key_1")
    await recordings.metadata.change_recording(house.account.id, recording_id, {"ticket": "Q"}, actor="key_1")
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    text = (await package(house, view.request.id)).read(f"recordings/{recording_id}/metadata.json")
    assert json.loads(text) == {"call": {"order": "4711"}, "recording": {"ticket": "Q"}}


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
