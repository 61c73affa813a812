"""What an ended integration leaves in its system, and a restriction while nothing is handed over."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from tests.fakes.crm import NotebookPeer
from tests.handover.erasing import handovers_in, receipt_of_erasure
from tests.support.handing import (
    ANN,
    ME,
    activate,
    all_handovers,
    call,
    erase,
    follow,
    hand_over,
    let_pass,
    restrict,
    states,
)
from tests.support.service_house import LONG_AGO, House
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.handover import integrations
from vault.database.schema.outbox import outbox_messages
from vault.database.stores.handover.handovers import HandoverFilter
from vault.domain.outbox.attempt import Answer
from vault.errors import Refused
from vault.services.handover import follow_log


async def end(house: House, integration_id: str) -> None:
    """End an integration and leave everything there."""
    await house.vault.handover.integrations.end(house.account.id, integration_id, removes=False, **ME)


async def open_handovers(house: House) -> int:
    """Return of how many hand-overs something is still to be done."""
    wanted = HandoverFilter(is_settled=False)
    page = await house.database.read(
        lambda tx: tx.handovers.page(house.account.id, wanted, before=None, limit=100)
    )
    return len(page)


async def test_an_end_without_removal_leaves_nothing_to_do(
    either: House, peer: NotebookPeer, monkeypatch: pytest.MonkeyPatch
):
    """In batches: what stood there is left, also unconfirmed; what waited is absent; both stay so after an erasure."""
    monkeypatch.setattr(follow_log, "QUEUED", 1)
    peer.contacts = [ANN]
    view = await activate(either)
    stands = await call(either)
    await hand_over(either)
    peer.loses, peer.answers = ["POST /records"], {"GET /records": [Answer(status=422)]}
    await call(either, "rec-2")
    await hand_over(either, rounds=3)
    peer.contacts = [ANN, ANN | {"id": "c2"}]
    await call(either, "rec-3")
    await hand_over(either)
    assert await states(either) == ["held several_contacts", "held unconfirmed", "present"]
    held = (await all_handovers(either))[0]
    await end(either, view.integration.id)
    with pytest.raises(Refused) as refused:
        await either.vault.handover.handovers.decide(either.account.id, held.id, "c2", **ME)
    assert refused.value.reasons == ("integration_ended",)
    await follow(either)
    assert await states(either) == ["absent", "left", "left"]
    before = len(peer.requests)
    await erase(either, stands)
    await hand_over(either, rounds=2)
    assert (len(peer.requests), await open_handovers(either)) == (before, 0)
    counts = (await either.vault.handover.integrations.read(either.account.id, view.integration.id)).counts
    assert counts == {"absent": 1, "left": 2}


async def test_what_an_ended_integration_has_left_is_looked_at_no_more(either: House, peer: NotebookPeer):
    """Once what began before its end is over."""
    peer.contacts = [ANN]
    view = await activate(either)
    await end(either, view.integration.id)
    await follow(either)

    async def unsettled() -> list[str]:
        return list(await either.database.read(lambda tx: tx.integrations.unsettled_ends(9)))

    assert await unsettled() == [view.integration.id]
    ended_long_ago = update(integrations).values(changed_at=LONG_AGO)
    await either.database.write(lambda tx: tx.connection.execute(ended_long_ago) and None)
    await follow(either)
    assert await unsettled() == []


async def test_an_answer_after_the_end_leaves_what_stands(either: House, peer: NotebookPeer):
    """It is ended while its record is being made."""
    peer.contacts = [ANN]
    view = await activate(either)
    await call(either)

    async def meanwhile(name: str) -> None:
        if name == "POST /records":
            peer.meanwhile = None
            await end(either, view.integration.id)
            await follow(either)

    peer.meanwhile = meanwhile
    await hand_over(either)
    (handover,) = await all_handovers(either)
    assert (len(peer.records), handover.state) == (1, "left")
    seen = await either.vault.handover.handovers.read(either.account.id, handover.id)
    assert set(seen.remote.values()) == set(peer.records)


async def test_a_receipt_says_what_is_left(either: House, peer: NotebookPeer):
    """The account has ended the integration, and the person is told so."""
    peer.contacts = [ANN]
    view = await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    await end(either, view.integration.id)
    await follow(either)
    (said,) = handovers_in(await receipt_of_erasure(either, "case-left"))[recording_id]
    assert (said["system"], said["outcome"]) == ("notebook", "left")


async def test_a_restriction_takes_the_text_away_while_it_is_paused(either: House, peer: NotebookPeer):
    """And its end brings it back once it is resumed, not before."""
    peer.contacts = [ANN]
    view = await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    verbs, name = either.vault.handover.integrations, (either.account.id, view.integration.id)
    await verbs.pause(*name, **ME)
    await restrict(either, recording_id, restricted=True)
    await hand_over(either, rounds=2)
    assert await states(either) == ["restricted"]
    assert not any("Beatrice" in one["text"] for one in peer.records.values())
    await restrict(either, recording_id, restricted=False)
    await hand_over(either, rounds=2)
    assert await states(either) == ["restricted"]
    await verbs.resume(*name, **ME)
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]


async def test_a_restriction_whose_message_was_lost_is_found_by_its_row(either: House, peer: NotebookPeer):
    """The key was refused while it was restricted, and a new one came while it is still paused."""
    peer.contacts = [ANN]
    view = await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    await either.vault.handover.integrations.pause(either.account.id, view.integration.id, **ME)
    (stored,) = await either.database.read(lambda tx: tx.integrations.of_account(either.account.id))
    refused = replace(stored, unauthorized_since=stored.created_at)
    await either.database.write(lambda tx: tx.integrations.put(refused))
    await restrict(either, recording_id, restricted=True)
    await follow(either)
    await either.database.write(lambda tx: tx.connection.execute(delete(outbox_messages)) and None)
    back = replace(stored, set_up_at=await either.database.read(lambda tx: tx.now()))
    await either.database.write(lambda tx: tx.integrations.put(back))
    await let_pass(either)
    await hand_over(either, rounds=3)
    assert await states(either) == ["restricted"]
    assert not any("Beatrice" in one["text"] for one in peer.records.values())


async def test_what_is_unconfirmed_and_restricted_goes_on_after_a_new_key(either: House, peer: NotebookPeer):
    """Its message was deleted with the others when the key was refused: it is found by its row."""
    peer.contacts, peer.loses = [ANN], ["POST /records"]
    view = await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    peer.answers = {"GET /records": [Answer(status=422)]}
    await hand_over(either, rounds=3)
    assert await states(either) == ["held unconfirmed"]
    (stored,) = await either.database.read(lambda tx: tx.integrations.of_account(either.account.id))
    lost = replace(stored, unauthorized_since=stored.created_at)
    await either.database.write(lambda tx: tx.integrations.put(lost))
    await restrict(either, recording_id, restricted=True)
    await hand_over(either, rounds=2)
    back = replace(stored, set_up_at=await either.database.read(lambda tx: tx.now()))
    await either.database.write(lambda tx: tx.integrations.put(back))
    await let_pass(either)
    await hand_over(either, rounds=3)
    assert view.integration.id == stored.id
    assert await states(either) == ["restricted"]
    assert not any("Beatrice" in one["text"] for one in peer.records.values())


async def test_either_database_has_the_indexes(either: House):
    """As the tables of the code name them."""
    names = {one.name for one in integrations.metadata.tables["handovers"].indexes}
    if isinstance(either.database, PostgresqlDatabase):
        query = "SELECT indexname FROM pg_indexes WHERE tablename = 'handovers'"
    else:
        query = "SELECT name FROM sqlite_master WHERE tbl_name = 'handovers' AND type = 'index' AND sql IS NOT NULL"
    found = await either.database.read(lambda tx: set(tx.connection.exec_driver_sql(query).scalars()))
    assert names <= found
