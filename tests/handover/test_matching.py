"""Which contact a call belongs to: verified in E.164, one only, and nothing is looked up that must not be."""

from typing import Any

import pytest

from tests.fakes.crm import Notebook, NotebookPeer
from tests.support.handing import (
    ANN,
    CUSTOMER,
    ME,
    activate,
    all_handovers,
    call,
    erase,
    follow,
    hand_over,
    logged,
    restrict,
    states,
)
from tests.support.service_house import House
from vault.errors import Invalid, Refused

BEN = {"id": "c2", "number": "+33612345678", "name": "Ben"}
CLEO = {"id": "c3", "number": "0033612345678", "name": "Cleo"}


async def restricted(house: House, recording_id: str) -> None:
    """Restrict a recording."""
    await restrict(house, recording_id, restricted=True)


async def test_case_10_a_number_of_another_country_is_not_the_same(either: House, peer: NotebookPeer):
    """The same national digits with another country's prefix find the contact, and do not verify it."""
    peer.contacts = [{"id": "c9", "number": "+32 612345678", "name": "Dirk"}]
    await activate(either)
    await call(either)
    await hand_over(either)
    assert peer.requests == ["GET /contacts"]
    assert await states(either) == ["unmatched no_contact"]
    peer.contacts.append(ANN)
    await call(either, "rec-2")
    await hand_over(either)
    assert [it["contact"] for it in peer.records.values()] == ["c1"]


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ({"from": "anonymous"}, "no_number"), ({"from": "1234"}, "internal_number"),
        ({"from": "sip:bea@example.com"}, "no_number"), ({"from": "+33612345678;ext=12"}, "internal_number"),
    ],
)  # fmt: skip
async def test_case_11_nothing_is_looked_up_for_such_numbers(
    either: House, peer: NotebookPeer, data: dict[str, Any], cause: str
):
    """No request at all."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either, **data)
    await hand_over(either, rounds=2)
    assert peer.requests == []
    assert await states(either) == [f"unmatched {cause}"]


async def test_nothing_is_looked_up_of_who_objects(either: House, peer: NotebookPeer):
    """An objection that was entered after the call."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)
    await follow(either)
    await either.vault.consent.objections.enter(either.account.id, CUSTOMER, reason="by letter", **ME)
    await hand_over(either, rounds=2)
    assert peer.requests == []
    assert await states(either) == ["unmatched number_objects"]


@pytest.mark.parametrize("change", [erase, restricted])
async def test_a_search_does_not_go_on_after_an_erasure(
    either: House, peer: NotebookPeer, monkeypatch: pytest.MonkeyPatch, change: Any
):
    """Of several searches for one number those stop that would follow an erasure or a restriction."""
    monkeypatch.setattr(Notebook, "find", twice(Notebook.find))
    await activate(either)
    recording_id = await call(either)

    async def meanwhile(_name: str) -> None:
        peer.meanwhile = None
        await change(either, recording_id)

    peer.meanwhile = meanwhile
    await hand_over(either, rounds=3)
    assert peer.requests == ["GET /contacts"]
    await call(either, "rec-2")
    await hand_over(either)
    assert peer.requests == ["GET /contacts"] * 3


def twice(find: Any) -> Any:
    """Return a search by two requests."""
    return lambda *asked: [*find(*asked), *find(*asked)]


async def test_case_12_of_several_contacts_a_person_decides(either: House, peer: NotebookPeer):
    """Nothing is written, the candidates are shown, and one click writes to one of them, without a look-up again."""
    peer.contacts = [ANN, BEN, CLEO]
    await activate(either)
    await call(either)
    await hand_over(either, rounds=2)
    assert peer.records == {}
    assert await states(either) == ["held several_contacts"]
    (handover,) = await all_handovers(either)
    decide = either.vault.handover.handovers.decide
    view = await either.vault.handover.handovers.read(either.account.id, handover.id)
    assert [(one.id, one.name) for one in view.candidates] == [
        ("c1", "Annabelle"),
        ("c2", "Ben"),
        ("c3", "Cleo"),
    ]
    assert handover.sealed is not None
    assert "Annabelle" not in handover.sealed
    with pytest.raises(Invalid) as refused:
        await decide(either.account.id, handover.id, "c4", **ME)
    assert refused.value.field == "contact"
    await decide(either.account.id, handover.id, "c2", **ME)
    await hand_over(either)
    assert [it["contact"] for it in peer.records.values()] == ["c2"]
    assert peer.requests.count("GET /contacts") == 1
    with pytest.raises(Refused):
        await decide(either.account.id, handover.id, "c1", **ME)
    assert "handover.decided" in await logged(either)


async def test_an_objection_after_the_decision_counts(either: House, peer: NotebookPeer):
    """A person has chosen a contact; before the call is written the customer objects."""
    peer.contacts = [ANN, BEN]
    await activate(either)
    await call(either)
    await hand_over(either)
    (handover,) = await all_handovers(either)
    await either.vault.handover.handovers.decide(either.account.id, handover.id, "c2", **ME)
    await either.vault.consent.objections.enter(either.account.id, CUSTOMER, reason=None, **ME)
    await hand_over(either, rounds=2)
    assert await states(either) == ["unmatched number_objects"]
    assert peer.requests == ["GET /contacts"]
    assert "handover.sent" not in await logged(either)


async def test_an_objection_while_it_is_looked_up_counts(either: House, peer: NotebookPeer):
    """It is entered between the look-up and the write."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)

    async def meanwhile(_name: str) -> None:
        peer.meanwhile = None
        await either.vault.consent.objections.enter(either.account.id, CUSTOMER, reason=None, **ME)

    peer.meanwhile = meanwhile
    await hand_over(either, rounds=2)
    assert await states(either) == ["unmatched number_objects"]
    assert peer.requests == ["GET /contacts"]


async def test_none_of_several_contacts_ends_it(either: House, peer: NotebookPeer):
    """The names of the candidates are forgotten."""
    peer.contacts = [ANN, BEN]
    await activate(either)
    await call(either)
    await hand_over(either)
    (handover,) = await all_handovers(either)
    view = await either.vault.handover.handovers.decide(either.account.id, handover.id, None, **ME)
    assert (view.handover.state, view.handover.cause, view.handover.sealed) == (
        "unmatched",
        "no_contact",
        None,
    )
    await hand_over(either, rounds=2)
    assert peer.records == {}


async def test_case_12_the_newest_is_exactly_one(either: House, peer: NotebookPeer):
    """By the policy."""
    peer.contacts = [ANN, BEN, CLEO]
    await activate(either, matching="newest")
    await call(either)
    await hand_over(either)
    assert len(peer.records) == 1


async def test_case_13_without_a_contact_nothing_is_made(either: House, peer: NotebookPeer):
    """Neither a contact nor a record."""
    await activate(either)
    await call(either)
    await hand_over(either, rounds=2)
    assert peer.requests == ["GET /contacts"]
    assert await states(either) == ["unmatched no_contact"]
