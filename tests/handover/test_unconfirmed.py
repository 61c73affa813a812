"""A creation whose answer was lost, and a system that refuses to look for its record."""

import pytest

from tests.fakes.crm import NotebookPeer
from tests.support.handing import (
    ANN,
    ME,
    activate,
    all_handovers,
    call,
    erase,
    hand_over,
    let_pass,
    logged,
    restrict,
    states,
)
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer


async def unconfirmed(house: House, peer: NotebookPeer) -> str:
    """Let the answer to a creation be lost, and the look-up be refused; return the recording."""
    peer.contacts, peer.loses = [ANN], ["POST /records"]
    await activate(house)
    recording_id = await call(house)
    await hand_over(house)
    peer.answers = {"GET /records": [Answer(status=422)]}
    await hand_over(house, rounds=3)
    assert await states(house) == ["held unconfirmed"]
    assert peer.requests.count("GET /records") == 1
    return recording_id


async def test_a_look_up_that_is_refused_is_held_and_not_written_twice(either: House, peer: NotebookPeer):
    """A person lets it be tried again: the record is found, not written a second time."""
    await unconfirmed(either, peer)
    (handover,) = await all_handovers(either)
    await let_pass(either)
    await either.vault.handover.handovers.decide(either.account.id, handover.id, None, **ME)
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert (len(peer.records), peer.requests.count("POST /records")) == (1, 1)
    assert (await logged(either)).count("handover.held") == 1


MORE = Answer(status=200, body=b"[]", headers={"x-more": "1"})


@pytest.mark.parametrize(("pages", "state"), [(9, "present"), (10, "held unconfirmed")])
async def test_a_record_behind_too_many_others_is_not_written_twice(
    either: House, peer: NotebookPeer, pages: int, state: str
):
    """On the tenth page it is found. What no page of ten has may be there, so a person decides."""
    peer.contacts, peer.loses = [ANN], ["POST /records"]
    await activate(either)
    await call(either)
    await hand_over(either)
    peer.answers = {"GET /records": [MORE] * pages}
    await let_pass(either)
    await hand_over(either, rounds=3)
    assert await states(either) == [state]
    assert (len(peer.records), peer.requests.count("GET /records")) == (1, 10)


@pytest.mark.parametrize("act", ["erase", "restrict"])
async def test_what_is_unconfirmed_is_looked_for_until_nothing_of_the_call_stands(
    either: House, peer: NotebookPeer, act: str
):
    """The system refuses the look-up once more; then the record is found, and removed or changed."""
    recording_id = await unconfirmed(either, peer)
    peer.answers = {"GET /records": [Answer(status=422)]}
    if act == "erase":
        await erase(either, recording_id)
    else:
        await restrict(either, recording_id, restricted=True)
    await hand_over(either)
    assert len(peer.records) == 1
    await hand_over(either, rounds=3)
    assert await states(either) == ["absent" if act == "erase" else "restricted"]
    assert not any("Beatrice" in one["text"] for one in peer.records.values())
    assert len(peer.records) == (0 if act == "erase" else 1)
