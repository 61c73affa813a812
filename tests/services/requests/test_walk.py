"""A request for erasure from its receipt by the account to the receipt for the person, on both databases."""

import hashlib

from tests.services.requests.people import (
    OTHER,
    PERSON,
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
    assert await either.vault.calls.find(either.account.id, PERSON, after=None, limit=9) == []

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
