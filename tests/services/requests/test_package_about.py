"""What a package says beside the recordings: the processing, recipients by name, periods, calls without a recording."""

import json
from dataclasses import replace
from datetime import date, timedelta

from tests.services.requests.people import ACTOR, OTHER, PERSON, ago, ask, asks, call, carried_out, decide
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import tell
from tests.support.retention import age_policies, place
from tests.support.service_house import House
from vault.domain.registers.entries import Contact, ProcessingProfile, Purpose, Recipient
from vault.domain.requests.request import RequestState
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy

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
