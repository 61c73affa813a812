"""Case 13, the other half: a contact is created where the account says so, and never a second one."""

import pytest

from tests.fakes.crm import Notebook, NotebookPeer
from tests.support.handing import CUSTOMER, activate, call, erase, hand_over, let_pass, logged, states
from tests.support.service_house import House
from vault.domain.crm.verdict import Refused
from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed


async def test_a_contact_is_created_once_and_found_again(either: House, peer: NotebookPeer):
    """Of the number alone; the next call of the same number belongs to it. Each write is in the log before."""
    await activate(either, creates_contacts=True)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["present"]
    assert peer.bodies[0] == {"number": CUSTOMER}
    assert await logged(either) == [
        "integration.changed", "handover.looked_up", "handover.sent", "handover.sent", "handover.stands",
    ]  # fmt: skip
    await call(either, "rec-2")
    await hand_over(either)
    assert [it["contact"] for it in peer.records.values()] == ["c1", "c1"]
    assert len(peer.contacts) == 1


async def test_a_lost_answer_makes_no_second_contact(either: House, peer: NotebookPeer):
    """Nothing is created, and nothing looked up, before any search would show it."""
    peer.loses = ["POST /contacts"]
    await activate(either, creates_contacts=True)
    await call(either)
    await hand_over(either, rounds=3)
    assert await states(either) == ["unknown"]
    assert peer.requests == ["GET /contacts", "POST /contacts"]
    await let_pass(either)
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert peer.requests.count("POST /contacts") == 1


async def test_an_erasure_meanwhile_leaves_no_record(either: House, peer: NotebookPeer):
    """The contact, of which nobody knows, stays the account's; nothing of the call is written."""
    peer.loses = ["POST /contacts"]
    await activate(either, creates_contacts=True)
    recording_id = await call(either)
    await hand_over(either)
    await erase(either, recording_id)
    await let_pass(either)
    await hand_over(either, rounds=3)
    assert (await states(either), peer.records) == (["absent"], {})
    assert "POST /records" not in peer.requests


@pytest.mark.parametrize("answer", [Answer(status=429), FetchFailed("Not sent.", final=True)])
async def test_what_was_not_written_is_tried_again(
    either: House, peer: NotebookPeer, answer: Answer | FetchFailed
):
    """A system that wants to wait, and a request that never left."""
    peer.answers["POST /contacts"] = [answer]
    await activate(either, creates_contacts=True)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["waiting"]
    await hand_over(either, rounds=3)
    assert (await states(either), len(peer.contacts)) == (["present"], 1)


async def test_a_refusal_is_held(either: House, peer: NotebookPeer):
    """A rule of the system, such as a name that it wants, needs a person."""
    peer.answers["POST /contacts"] = [Answer(status=422)]
    await activate(either, creates_contacts=True)
    await call(either)
    await hand_over(either, rounds=3)
    assert (await states(either), peer.contacts) == (["held refused"], [])


async def test_none_is_created_for_a_record_that_is_refused(
    either: House, peer: NotebookPeer, monkeypatch: pytest.MonkeyPatch
):
    """As where the system writes into an open conversation, which a new contact has not."""
    monkeypatch.setattr(Notebook, "create", lambda *_: Refused(code="no_open_conversation"))
    await activate(either, creates_contacts=True)
    await call(either)
    await hand_over(either)
    assert (await states(either), peer.requests) == (["unmatched no_contact"], ["GET /contacts"])
