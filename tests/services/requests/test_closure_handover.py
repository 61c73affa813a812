"""The closure of an account removes what was handed over, also after the key of the account was replaced."""

from tests.fakes.crm import HOST, KEY, NotebookPeer
from tests.services.requests.closures import closing, work
from tests.services.requests.people import ACTOR, PERSON, at_home, recorded
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer
from vault.domain.requests.request import RequestState
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.recipient import Vendor


async def _send(house: House) -> None:
    await house.database.write(lambda tx: tx.tree.settle())
    await house.vault.jobs.follow_log.look()
    await house.vault.jobs.follow_log.queue()
    await let_time_come(house)
    await send_due(house)


async def test_what_was_handed_over_is_removed_after_the_closure(either: House):
    """The system is down until the account is closed; then everything is removed, and the integration ends."""
    peer = NotebookPeer(contacts=[{"id": "c1", "number": PERSON, "name": "Annabelle"}])
    either.outside.peers[HOST] = peer
    await at_home(either, "FR")
    made = await either.vault.handover.integrations.activate(
        either.account.id,
        "notebook",
        IntegrationChange(key=KEY, settings={}),
        vendor=Vendor(name="Notebook Inc.", country="US"),
        actor=ACTOR,
    )
    await recorded(either, "call-1", direction="inbound")
    await _send(either)
    assert len(peer.records) == 1
    peer.answers = {"PATCH /records": [Answer(status=503)] * 2}
    await closing(either)
    for _ in range(2):
        state = await work(either)
        await _send(either)
    assert state is RequestState.FULFILLED
    assert len(peer.records) == 1
    for _ in range(2):
        await _send(either)
    assert peer.records == {}
    seen = await either.vault.handover.integrations.read(either.account.id, made.integration.id)
    assert (seen.integration.state, seen.integration.sealed) == ("ended", "")
