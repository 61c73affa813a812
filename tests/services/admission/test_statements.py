"""Evidence keeps every statement about a call, so a database that is made from it decides by all of them."""

from pathlib import Path

from tests.support.parties import CALLEE, CALLER, ME, evidence
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.thread_pools import Threads


async def test_a_restored_database_knows_every_number_that_was_said(
    house: House, tmp_path: Path, threads: Threads
):
    """An objection after the restore counts against a number that only an early statement named."""
    vault, account_id = house.vault, house.account.id
    for caller in (CALLER, "anonymous"):
        await vault.recordings.calls.start(
            account_id, CallFacts(call_ref="call-1", direction="inbound", caller=caller)
        )
    recording_id = (await house.announce(**{"from": "anonymous", "to": CALLEE})).recording_id
    assert recording_id is not None
    assert await house.settle(recording_id) is State.AVAILABLE
    said = (await evidence(house, recording_id)).sealed.content
    assert (said["call"]["caller"], said["statements"][0]["caller"]) == ("anonymous", "anonymous")
    assert CALLER in {one.get("caller") for one in said["statements"]}
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        await new.vault.consent.objections.enter(account_id, CALLER, reason=None, **ME)
        again = CallFacts(call_ref="call-1", direction="inbound", caller="anonymous")
        decision = (await new.vault.recordings.calls.start(account_id, again)).decision
        assert [reason.code for reason in decision.grounds] == ["objection"]


async def test_one_statement_is_in_the_evidence_once(house: House):
    """A call of which only one thing was said has no list of statements."""
    recording_id = (await house.announce(**{"from": CALLER, "to": CALLEE})).recording_id
    assert recording_id is not None
    await house.settle(recording_id)
    view = await evidence(house, recording_id)
    assert "statements" not in view.sealed.content
    assert [entry.content["kind"] for entry in view.chain] == ["gate"]
