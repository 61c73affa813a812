"""A request for erasure from its receipt by the account to the receipt for the person, on both databases."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.services.requests.people import (
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.support.service_house import SIGNER, House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.errors import Invalid
from vault.tlog.receipt_file import verify_receipt


async def test_an_erasure_by_number_ends_with_a_receipt(either: House):
    """Everything of the number goes, nothing of another one does, and the receipt is right without the vault."""
    mine = [await recorded(either, "call-1"), await recorded(either, "call-2", caller="00 33 6 12 34 56 78")]
    theirs = await recorded(either, "call-3", caller=OTHER)
    await call(either, "call-4")
    view = await ask(either, asks(numbers=(("06 12 34 56 78", "FR"),)))
    assert view.found is not None
    assert [found.id for found in view.found.recordings] == mine
    assert view.found.summary.calls_without_recording == 1
    assert sum(view.found.summary.by_year.values()) == 3

    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert [await either.state(one) for one in mine] == [State.ERASED, State.ERASED]
    assert await either.state(theirs) is State.AVAILABLE
    assert await either.vault.recordings.calls.find(either.account.id, PERSON, after=None, limit=9) == []

    file = await receipt(either, view.request.id)
    found = verify_receipt(file, verifier=SIGNER.verifier)
    statement = found.statement
    assert statement["outcome"] == "fulfilled"
    assert [one["outcome"] for one in statement["recordings"]] == ["erased", "erased"]
    assert statement["calls"] == {"erased": 1}
    for one in statement["recordings"]:
        assert [leaf["type"] for leaf in one["leaves"]] == ["recording.erasing", "recording.erased"]
        assert one["object_versions"]["left"] == 0
    salt = bytes.fromhex(statement["subject"]["salt"])
    assert statement["subject"]["commitments"] == [hashlib.sha256(salt + PERSON.encode()).hexdigest()]
    assert PERSON[1:].encode() not in file


async def test_a_verification_is_between_the_receipt_and_now(house: House):
    """At the entry too: the clock of some regimes runs from it, so one in the future would move the deadline."""
    new = asks("access")
    assert new.personal.verification is not None
    for at in (new.received_at - timedelta(seconds=1), ago(days=-1), datetime(9999, 12, 30, tzinfo=UTC)):
        verification = replace(new.personal.verification, at=at)
        with pytest.raises(Invalid) as refused:
            await ask(house, replace(new, personal=replace(new.personal, verification=verification)))
        assert refused.value.field == "verification.at"


async def test_a_repeated_entry_may_bring_the_verification(house: House):
    """As a client does that learns of it later; another repetition changes nothing."""
    first = await ask(house, asks("access", verified=False))
    assert first.request.state is RequestState.AWAITING_IDENTITY
    for new in (asks("access", received_at=first.request.received_at), asks("access", verified=False)):
        again = await ask(house, replace(new, received_at=first.request.received_at))
        assert (again.request.id, again.request.state) == (first.request.id, RequestState.REVIEW)
    assert (await house.events()).count("request.verified") == 1
