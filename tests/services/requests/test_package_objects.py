"""The objects of packages: made once by two nodes, and deleted when nothing names them, by clocks that agree.

What a package says beside the recordings: the processing, recipients by name, periods, calls without a recording.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes.objects import FakeLocks, FakeWriter
from tests.services.requests.closures import closing, work
from tests.services.requests.mortal_ground import events_of
from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
)
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import tell
from tests.support.retention import age_policies, place
from tests.support.service_house import House
from vault.database.schema.requests import person_packages
from vault.domain.registers.entries import Contact, ProcessingProfile, Purpose, Recipient
from vault.domain.requests.package import PREFIX
from vault.domain.requests.request import RequestState
from vault.domain.retention.object_lock import ObjectLock
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy
from vault.errors import NotFound
from vault.services.requests.progress import Progress

_ORPHAN = f"{PREFIX}acct_1/req_1/att_1"
PROFILE = ProcessingProfile(
    controller=Contact(name="Acme <Ltd>", address="1 High Street"),
    purposes=(Purpose(purpose="Train our staff", legal_basis="legitimate_interests", explanation="quality"),),
    data=("voice",),
    requests_to="privacy@acme.example",
    authority="CNIL",
)
HOSTER = Recipient(
    name="Store GmbH", address="", contact="Eve Moneypenny", role="processor", purpose="Storage", country="DE",
    since=date(2020, 1, 1), public=False,
)  # fmt: skip


def _objects(house: House) -> list[str]:
    return [key for key in house.objects.objects if key.startswith(PREFIX)]


@pytest.mark.parametrize("kind", ["access", "closure"])
async def test_two_nodes_at_the_same_moment_make_a_package_once(
    either: House, kind: str, monkeypatch: pytest.MonkeyPatch
):
    """The second one finds the row of the first: one event, one row, and its object is deleted a day later."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    if kind == "closure":
        request_id = await closing(either, export=True)
        closure = await either.vault.requests.closures.read(either.account.id)
        assert await either.vault.jobs.execute_requests.close_account(closure) is Progress.DONE
    else:
        request_id = (await ask(either, asks("access"))).request.id
        await decide(either, request_id, "provided")
    execute, finish = either.vault.jobs.execute_requests, FakeWriter.finish
    (row,) = await either.database.read(lambda tx: tx.requests.executing(tx.now(), limit=9))
    together = asyncio.Barrier(2)

    async def finish_together(writer: FakeWriter) -> int:
        await together.wait()
        return await finish(writer)

    with monkeypatch.context() as patch:
        patch.setattr(FakeWriter, "finish", finish_together)
        assert sorted(await asyncio.gather(*(execute._try(row) for _ in range(2)))) == [False, True]
    assert len(_objects(either)) == 2
    if kind == "closure":
        assert await work(either) is RequestState.FULFILLED
    else:
        assert await carried_out(either, request_id) is RequestState.FULFILLED
    assert (await package(either, request_id)).testzip() is None
    kinds = await events_of(either)
    assert (kinds.count("export.made"), kinds.count("receipt.made")) == (1, 1)
    assert await receipt(either, request_id)
    await replace(either.vault.requests.packages, grace=timedelta()).delete_expired()
    assert len(_objects(either)) == 1
    assert (await package(either, request_id)).testzip() is None


async def test_a_node_whose_clock_is_ahead_deletes_no_new_object(either: House):
    """Another node may write its row in the next moment."""
    await either.objects.put(_ORPHAN, b"sealed")
    ahead = replace(either.vault.requests.packages, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    await ahead.delete_expired()
    assert _objects(either) == [_ORPHAN]
    either.objects.objects[_ORPHAN].at = ago(days=2)
    await ahead.delete_expired()
    assert _objects(either) == []


async def test_a_package_under_a_lock_is_deleted_after_it(either: House):
    """A bucket with a default rule keeps the object for its days; what comes behind it is deleted today."""
    locks = either.objects.locks = FakeLocks(either.objects)
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    (locked,) = _objects(either)
    locks.kept[locked] = ObjectLock(mode="compliance", until=datetime.now(UTC) + timedelta(days=9))
    last = f"{PREFIX}z/req_1/att_1"
    await either.objects.put(last, b"sealed")
    either.objects.objects[locked].at = either.objects.objects[last].at = ago(days=2)
    expire = person_packages.update().values(expires_at=ago(days=1))
    await either.database.write(lambda tx: tx.connection.execute(expire) and None)
    await either.vault.requests.packages.delete_expired()
    assert _objects(either) == [locked]
    with pytest.raises(NotFound):
        await package(either, view.request.id)
    assert (await events_of(either)).count("export.deleted") == 1
    locks.kept.clear()
    await either.vault.requests.packages.delete_expired()
    assert _objects(either) == []


async def answered(house: House, code: str = "provided") -> tuple[str, RequestState]:
    """Ask for access and decide; return the request's id and its state at the end."""
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, code)
    return view.request.id, await carried_out(house, view.request.id)


async def test_a_person_is_told_purposes_recipients_by_name_periods_and_rights(either: House):
    """Article 15(1), from the registers and the policy in force, as data and on the page; ended recipients too."""
    account_id = either.account.id
    await either.vault.registers.processing_records.set(account_id, PROFILE, if_revision=None, actor=ACTOR)
    await either.vault.registers.recipients.enter(account_id, HOSTER, actor=ACTOR)
    gone = replace(HOSTER, name="Former SARL", until=date(2021, 1, 1))
    await either.vault.registers.recipients.enter(account_id, gone, actor=ACTOR)
    wanted = RetentionPolicy(
        classes=(RetentionClass(name="quality", purpose="Sealed words", period=parse_period("P6M")),)
    )
    preview = await either.vault.retention.preview(account_id, wanted)
    await either.vault.retention.policy.set(
        account_id, wanted, if_version=None, digest=preview.digest, actor=ACTOR
    )
    await age_policies(either, timedelta(days=60))
    recording_id = await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    await place(either, recordings=[recording_id])
    request_id, state = await answered(either)
    assert state is RequestState.FULFILLED
    files = await package(either, request_id)
    about = json.loads(files.read("about.json"))
    assert about["controller"]["name"] == "Acme <Ltd>"
    assert about["purposes"] == [
        {"purpose": "Train our staff", "legal_basis": "legitimate_interests", "explanation": "quality"}
    ]
    assert {(one["name"], one["until"]) for one in about["recipients"]} == {
        ("Store GmbH", None),
        ("Former SARL", "2021-01-01"),
    }
    assert [(one["class"], one["period"]) for one in about["kept"]] == [("quality", "P6M")]
    # Nobody is entered who runs the platform of the calls.
    assert (about["supervisory_authority"], about["not_entered"]) == ("CNIL", ["persons", "recipients"])
    page = files.read("index.html").decode()
    for words in (
        "Acme &lt;Ltd&gt;",
        "Store GmbH (DE): Storage",
        "quality: 6 months",
        "privacy@acme.example",
        "CNIL",
    ):
        assert words in page, words
    told = json.loads(files.read(f"recordings/{recording_id}/retention.json"))
    assert [(one["kind"], one["period"]) for one in told["periods"]] == [("period", "P6M")]
    assert told["until"] == told["periods"][0]["until"]
    texts = [files.read(name) for name in files.namelist() if name.endswith((".json", ".html"))]
    for kept_back in (b'"hold', b"hold_", b"Sealed words", b"Moneypenny"):
        assert not any(kept_back in text for text in texts), kept_back


async def test_what_nobody_entered_is_named_and_nothing_is_made_up(house: House):
    """An account without registers and policy says so."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    request_id, _ = await answered(house)
    files = await package(house, request_id)
    about = json.loads(files.read("about.json"))
    assert (about["controller"], about["purposes"], about["recipients"], about["kept"]) == (None, [], [], [])
    assert about["not_entered"] == ["controller", "purposes", "persons", "data", "recipients"]
    page = files.read("index.html").decode()
    assert "Not stated here" in page
    assert "Nobody but us" not in page
    assert "No fixed period is set" in files.read("index.html").decode()


async def test_calls_without_a_recording_are_in_the_answer(either: House):
    """When they were, in which direction, on which side the person was and what they answered; not the other party."""
    at = ago(days=2)
    await call(either, "in", at=at, direction="inbound", ended_at=at + timedelta(minutes=3))
    await call(either, "out", caller=OTHER, callee=PERSON, at=ago(days=1), direction="outbound")
    for party, answer in (("caller", "declined"), ("callee", "accepted")):
        await tell(either, answer, call="in", party=party, at=at + timedelta(minutes=1))
    request_id, state = await answered(either)
    assert state is RequestState.FULFILLED
    files = await package(either, request_id)
    text = files.read("calls.json").decode()
    first, second = json.loads(text)
    assert (first["direction"], first["you"], first["your_number"]) == ("inbound", "caller", PERSON)
    assert first["started_at"] is not None
    assert first["ended_at"] is not None
    assert [one["answer"] for one in first["consent"]] == ["declined"]
    assert (second["direction"], second["you"], second["consent"]) == ("outbound", "callee", [])
    assert OTHER not in text
