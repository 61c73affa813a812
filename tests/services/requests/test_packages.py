"""Packages: the person's own channel and nothing of the other one, consultations without names, sealed and expiring."""

import asyncio
import base64
import hashlib
import io
import json
import re
import wave
import zipfile
from array import array
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    carried_out,
    decide,
    recorded,
)
from tests.services.requests.stereo_calls import CALLEE_MARK, CALLER_MARK, package, stereo, stereo_call
from tests.services.requests.vcon_schema import SCHEMA
from tests.support.parties import tell
from tests.support.service_house import SIGNER, House
from vault.database.schema.requests import person_packages
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.requests.package import MAX_DOWNLOADS
from vault.domain.requests.request import RequestState, Verdict
from vault.errors import NotFound, Refused
from vault.rfc3339 import write_rfc3339
from vault.services.playback.link_request import LinkRequest
from vault.services.shared.clock_skew import LAST_SWEEP
from vault.tlog.receipt_file import verify_receipt
from vault.web.schemas.requests.requests import RequestOut


async def test_case_31_each_call_gives_the_persons_own_channel(pair: House):
    """Once caller, once callee; the mono one waits for a person, and the other side's tone is in no byte."""
    first = await stereo_call(pair, "call-1", caller=PERSON, callee=OTHER)
    second = await stereo_call(pair, "call-2", caller=OTHER, callee=PERSON)
    mono = await recorded(pair, "call-3")
    view = await ask(pair, asks("access"))
    with pytest.raises(Refused) as waits:
        await decide(pair, view.request.id, "provided")
    assert waits.value.reasons == ("review_needed",)
    assert mono in str(waits.value)
    assert first not in str(waits.value)
    verdicts = {mono: Verdict(code="third_party")}
    await decide(pair, view.request.id, "provided", verdicts=verdicts, reason="Both voices are on it.")
    assert await carried_out(pair, view.request.id) is RequestState.PARTLY_FULFILLED
    files = await package(pair, view.request.id)
    assert files.testzip() is None
    for recording_id, mark in ((first, CALLER_MARK), (second, CALLEE_MARK)):
        with wave.open(io.BytesIO(files.read(f"recordings/{recording_id}/audio.wav"))) as file:
            assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8000, 8000)
            assert set(array("h", file.readframes(8000))) == {mark}
    assert not any(mono in name for name in files.namelist())


async def test_case_32_consultations_have_dates_and_no_listener(pair: House):
    """The log of accesses is in the answer; the sealed names are not opened for it."""
    recording_id = await stereo_call(pair, "call-1", caller=PERSON, callee=OTHER)
    wanted = LinkRequest(
        listener="Ada Lovelace", kind="player", life=timedelta(minutes=15), sessions=5,
        purpose="training", purpose_text="Lesson of Lovelace",
    )  # fmt: skip
    link, _ = await pair.vault.playback.links.create(pair.account.id, recording_id, wanted, actor=ACTOR)
    opened = AccessEvent(
        type="playback.open", at=ago(minutes=1), account_id=pair.account.id, actor=link.id,
        recording_id=recording_id, link_id=link.id,
    )  # fmt: skip
    await pair.database.write(lambda tx: tx.events.append(opened))
    await pair.heard(recording_id)
    view = await ask(pair, asks("access"))
    await decide(pair, view.request.id, "provided")
    await carried_out(pair, view.request.id)
    files = await package(pair, view.request.id)
    told = json.loads(files.read(f"recordings/{recording_id}/consultations.json"))
    assert [(one["recording"], one["what"], one["purpose"]) for one in told] == [
        (recording_id, "playback.open", "training"),
        (recording_id, "download.grant", None),
    ]
    assert all(set(one) == {"recording", "at", "what", "purpose"} for one in told)
    assert not any(b"Lovelace" in files.read(name) for name in files.namelist())
    assert json.loads(files.read("request.json"))["recipients"] == ["platform"]


async def test_case_39_a_vcon_is_valid_and_has_the_hash_of_its_audio(pair: House):
    """One speaker: a placeholder for the other party, and indices that do not move; whole: a party for each channel."""
    one, whole = (
        await stereo_call(pair, "call-1", caller=OTHER, callee=PERSON),
        await stereo_call(pair, "call-2", caller=PERSON, callee=OTHER),
    )
    view = await ask(pair, asks("portability"))
    await decide(pair, view.request.id, "provided", verdicts={whole: Verdict(code="provided_whole")})
    assert await carried_out(pair, view.request.id) is RequestState.FULFILLED
    files = await package(pair, view.request.id)
    shown = {}
    for recording_id in (one, whole):
        vcon = json.loads(files.read(f"recordings/{recording_id}/recording.vcon.json"))
        jsonschema.validate(vcon, SCHEMA)
        (dialog,) = vcon["dialog"]
        digest = hashlib.sha512(files.read(f"recordings/{recording_id}/{dialog['filename']}")).digest()
        assert dialog["content_hash"] == "sha512-" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        shown[recording_id] = (vcon["parties"], dialog["parties"], "redacted" in vcon)
    assert shown[one] == ([{}, {"tel": PERSON}], 1, True)
    assert shown[whole] == ([{"tel": PERSON}, {"tel": OTHER}], [0, 1], False)
    assert files.read(f"recordings/{whole}/audio.wav") == stereo()


async def test_a_vcon_says_what_its_party_answered(house: House):
    """What the person answered is an attachment; what the other party answered is not in a copy for the person."""
    for party in ("caller", "callee"):
        await tell(house, "accepted", party=party)
    recording_id = await stereo_call(house, "call-1", caller=OTHER, callee=PERSON)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    await carried_out(house, view.request.id)
    files = await package(house, view.request.id)
    vcon = json.loads(files.read(f"recordings/{recording_id}/recording.vcon.json"))
    jsonschema.validate(vcon, SCHEMA)
    (attachment,) = vcon["attachments"]
    proof = attachment["body"]["proof_mechanisms"][0]["proof_data"]["evidence_sha256"]
    evidence = json.loads(files.read(f"recordings/{recording_id}/evidence.json"))
    assert attachment["party"] == 1
    assert proof in {entry["digest"] for entry in evidence}


async def test_the_sums_are_those_of_every_file_and_the_page_has_no_script(house: House):
    """A person can check the package with a hash function, and read it in a browser."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    await carried_out(house, view.request.id)
    files = await package(house, view.request.id)
    lines = files.read("SHA256SUMS").decode().splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert set(sums) == set(files.namelist()) - {"SHA256SUMS"}
    assert all(hashlib.sha256(files.read(name)).hexdigest() == digest for name, digest in sums.items())
    assert b"<script" not in files.read("index.html")


async def test_a_package_is_sealed_logged_limited_and_expires(either: House):
    """Nothing of it is in clear in the store; each download is an event; after the third, and after 14 days, none."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    (key,) = [key for key in either.objects.objects if key.startswith("packages/")]
    assert b"consultations.json" not in bytes(either.objects.objects[key].body)
    for _ in range(MAX_DOWNLOADS):
        await package(either, view.request.id)
    with pytest.raises(Refused, match="3 times"):
        await package(either, view.request.id)
    await either.vault.jobs.log_publisher.sequence()
    kinds = await either.events()
    assert (kinds.count("export.made"), kinds.count("export.read")) == (1, MAX_DOWNLOADS)
    await either.vault.requests.packages.delete_expired()
    assert key in either.objects.objects
    expire = person_packages.update().values(expires_at=ago(days=1))
    await either.database.write(lambda tx: tx.connection.execute(expire) and None)
    with pytest.raises(NotFound):
        await package(either, view.request.id)
    await either.vault.requests.packages.delete_expired()
    assert not [key for key in either.objects.objects if key.startswith("packages/")]


async def test_a_package_does_not_expire_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The sweep's clocks do not agree with it: the package is kept, and can be downloaded."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    ahead = datetime.now(UTC) + timedelta(days=3650)
    for swept_at, is_there in ((datetime.now(UTC), True), (datetime.now(UTC) + timedelta(days=15), False)):
        kept = {LAST_SWEEP: write_rfc3339(swept_at).encode()}
        await either.database.write(lambda tx, kept=kept: tx.metadata.replace(kept))  # type: ignore[misc]
        with monkeypatch.context() as wrong:
            wrong.setattr("vault.database.transaction.database_now", lambda _: ahead)
            await either.vault.requests.packages.delete_expired()
        assert any(key.startswith("packages/") for key in either.objects.objects) is is_there
        if is_there:
            await package(either, view.request.id)


async def test_the_next_erasure_finds_a_package(house: House):
    """It holds a copy of what is to be erased."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    await carried_out(house, view.request.id)
    erasure = await ask(house, asks(reference="ticket 2"))
    await decide(house, erasure.request.id)
    assert await carried_out(house, erasure.request.id) is RequestState.FULFILLED
    with pytest.raises(NotFound):
        await package(house, view.request.id)
    assert not [key for key in house.objects.objects if key.startswith("packages/")]


async def test_concurrent_downloads_are_counted_and_none_is_refused_for_another(either: House):
    """Three concurrently are the three that are allowed; of five more none is."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    first = [package(either, view.request.id) for _ in range(MAX_DOWNLOADS)]
    assert all(isinstance(one, zipfile.ZipFile) for one in await asyncio.gather(*first))
    more = [package(either, view.request.id) for _ in range(5)]
    results = await asyncio.gather(*more, return_exceptions=True)
    assert [type(one) for one in results] == [Refused] * 5


async def test_a_package_has_evidence_and_the_receipts_of_earlier_requests(house: House):
    """What was announced to the person and answered by them, without the other party's; and earlier answers."""
    first = await ask(house, asks("restriction", reference="ticket 0"))
    await decide(house, first.request.id, "no_match", reason="Nothing has this number yet.")
    await carried_out(house, first.request.id)
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    await tell(house, "accepted", call="call-1", party="caller")
    await tell(house, "accepted", call="call-1", party="callee")
    view = await ask(house, asks("access", reference="ticket 1"))
    await decide(house, view.request.id, "provided")
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    files = await package(house, view.request.id)
    entries = json.loads(files.read(f"recordings/{recording_id}/evidence.json"))
    read = await house.vault.consent.records.read_evidence(house.account.id, recording_id, actor=ACTOR)
    assert [one["digest"] for one in entries] == [one.digest for one in (read.sealed, *read.chain)]
    assert {event["party"] for one in entries for event in one.get("consent", [])} == {"caller"}
    assert OTHER[1:] not in json.dumps(entries)
    verify_receipt(files.read(f"receipts/{first.request.id}.json"), verifier=SIGNER.verifier)
    assert json.loads(files.read("request.json"))["left_out"] == []


async def test_what_cannot_be_decoded_is_listed_and_the_rest_is_given(either: House):
    """One damaged recording does not keep a person from the others, and the package is made once."""
    good = await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    bad = await stereo_call(either, "call-2", caller=PERSON, callee=OTHER)
    described = either.vault.jobs.execute_requests.make_package.files.audio.describer
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    described.undecodable = 1
    assert await carried_out(either, view.request.id) is RequestState.PARTLY_FULFILLED
    files = await package(either, view.request.id)
    left_out = json.loads(files.read("request.json"))["left_out"]
    assert len(left_out) == 1
    assert left_out[0]["reason"] == "not_readable"
    (given,) = {good, bad} - {left_out[0]["recording"]}
    assert f"recordings/{given}/audio.wav" in files.namelist()
    page = files.read("index.html").decode().partition("What is not here")[2]
    # Who is told knows the call by its time, and not the id.
    assert left_out[0]["recording"] not in page
    assert re.search(r"<li>Call of [^<]+ UTC [^<]+</li>", page)
    assert len([key for key in either.objects.objects if key.startswith("packages/")]) == 1


@pytest.mark.parametrize("code", ["provided", "provided_whole"])
async def test_an_echo_of_the_other_party_is_said(house: House, code: str):
    """In the request, before anybody hands the package over, and in it; not of a whole recording."""
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    house.describer.has_echo = True
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, code)
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    expected = [recording_id] if code == "provided" else []
    files = await package(house, view.request.id)
    assert json.loads(files.read("request.json"))["echoes"] == expected
    assert ("The other party is heard faintly." in files.read("index.html").decode()) == (code == "provided")
    shown = await house.vault.requests.requests.read(house.account.id, view.request.id)
    assert RequestOut.of(shown).echoes == expected


async def test_a_describer_that_ends_is_tried_five_times(house: House):
    """Its cause may pass; then it is listed like what cannot be decoded."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    house.describer.crashes = 4
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    second = await ask(house, asks("access", reference="ticket 2"))
    await decide(house, second.request.id, "provided")
    house.describer.crashes = 5
    assert await carried_out(house, second.request.id) is RequestState.DENIED
