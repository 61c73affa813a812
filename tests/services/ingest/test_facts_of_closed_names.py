"""The facts that come with a recording whose name is closed: an objection covers every number reported for the call."""

from dataclasses import replace

from tests.support.parties import CALLER, ME
from tests.support.service_house import AUDIO, House, blocks_of
from vault.domain.recordings.recording import State
from vault.errors import Refused
from vault.services.accounts.connections import ConnectionRequest


async def test_the_facts_of_another_connection_count_although_its_recording_is_closed(either: House):
    """Wrong: they are dropped with it, and the next recording of a person who objected becomes available."""
    account_id = either.account.id
    wish = ConnectionRequest(provider="platform", credentials={"secret": either.secret})
    connection, _, _ = await either.vault.accounts.connections.set(account_id, "two", wish, **ME)
    two = replace(either, connection_id=connection.id)
    await either.vault.consent.objections.enter(account_id, CALLER, reason=None, **ME)
    first = (await either.announce("1", call_ref="call-1")).recording_id
    assert first is not None
    assert await either.settle(first) is State.AVAILABLE
    await either.vault.recordings.recordings.erase(account_id, first, ground=None, **ME)
    assert (await two.announce("1", call_ref="call-1", **{"from": CALLER})).status == "erased"
    try:
        sent, _ = await either.vault.ingest.uploads.store(account_id, "call-1", "2", blocks_of(AUDIO), **ME)
    except Refused:
        return
    assert await either.settle(sent.id) is State.REFUSED


async def test_the_facts_of_an_erased_recording_are_not_stored_again(either: House):
    """A late repetition of its own webhook would bring back what was erased, at the door of an upload too."""
    account_id = either.account.id
    sent, _ = await either.vault.ingest.uploads.store(account_id, "call-1", "1", blocks_of(AUDIO), **ME)
    assert await either.settle(sent.id) is State.AVAILABLE
    await either.vault.recordings.recordings.erase(account_id, sent.id, ground=None, **ME)
    assert (await either.announce("1", call_ref="call-1", **{"from": CALLER})).status == "erased"
    facts = await either.database.read(lambda tx: tx.call_facts.of_call(account_id, "call-1"))
    assert facts == []
