"""A call becomes available and stands in a CRM; it follows the recording to its end."""

from tests.fakes.crm import NotebookPeer
from tests.support.handing import (
    ANN,
    CUSTOMER,
    activate,
    all_handovers,
    call,
    erase,
    follow,
    hand_over,
    logged,
    restrict,
    states,
)  # fmt: skip
from tests.support.service_house import House


async def test_a_call_stands_in_the_system(either: House, peer: NotebookPeer):
    """With the fields of the policy and the doorway's address, at the contact whose number is the same in E.164."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["present"]
    (record,) = peer.records.values()
    (handover,) = await all_handovers(either)
    assert record["id"] == handover.id
    assert record["contact"] == "c1"
    assert record["text"].startswith(f"Beatrice inbound {CUSTOMER} +33123456789 ")
    assert "/h/" in record["text"]
    assert await logged(either) == [
        "integration.changed",
        "handover.looked_up",
        "handover.sent",
        "handover.stands",
    ]


async def test_an_erasure_removes_it(either: House, peer: NotebookPeer):
    """In the transaction of the erasure; what the system keeps is on record."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    await erase(either, recording_id)
    (handover,) = await all_handovers(either)
    assert (handover.desired, handover.state) == ("absent", "present")
    await hand_over(either)
    assert peer.records == {}
    (handover,) = await all_handovers(either)
    assert (handover.state, handover.residue, handover.sealed) == ("absent", ("recycle_bin",), None)
    assert (await logged(either))[-1] == "handover.removed"


async def test_a_restriction_is_said_and_taken_back(either: House, peer: NotebookPeer):
    """Case 17: the record says restricted and nothing of the call; afterwards it is as before."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    before = dict(peer.records)
    (text,) = [it["text"] for it in peer.records.values()]
    await restrict(either, recording_id, restricted=True)
    await hand_over(either)
    (record,) = peer.records.values()
    assert record["text"].startswith("restricted ")
    assert CUSTOMER not in record["text"]
    assert await states(either) == ["restricted"]
    await restrict(either, recording_id, restricted=False)
    await hand_over(either)
    assert [it["text"] for it in peer.records.values()] == [text]
    assert peer.records.keys() == before.keys()
    assert await states(either) == ["present"]


async def test_before_it_is_activated_nothing_leaves(either: House, peer: NotebookPeer):
    """Cases 22 and 40: what became available before is not handed over."""
    peer.contacts = [ANN]
    await call(either, "before")
    await follow(either)
    await activate(either)
    await hand_over(either)
    assert peer.requests == []
    await call(either, "after")
    await either.database.write(lambda tx: tx.tree.settle())
    # The log is read from its first activation on, and this one is later than a call that was not read yet.
    second = await activate(either)
    await call(either, "last")
    await hand_over(either)
    mine = [one for one in await all_handovers(either) if one.integration_id == second.integration.id]
    assert len(mine) == 1
    assert len(peer.records) == 3
