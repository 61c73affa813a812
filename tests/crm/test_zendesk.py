"""Zendesk's own rules: private comments, closed tickets, redactions, keys of idempotency."""

import json
from dataclasses import replace

import pytest

from tests.crm.walk import HANDOVER, NUMBER, RESTRICTED, SIGNIFICANT, Walk, handed_over, ready
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Gone, Refused, Unclear
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import json_reply


def alone():
    """Return a walk with a caller who has no ticket."""
    walk = Walk.of("zendesk")
    walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    [hit] = walk.search()
    walk.aim(hit)
    assert walk.target.parent is None
    return walk


def test_a_comment_is_private_wherever_it_goes():
    """A public comment is mailed to the caller."""
    for walk in (ready("zendesk"), alone()):
        walk.create()
        walk.update(RESTRICTED)
        written = [
            json.loads(request.body)["ticket"]["comment"]
            for request in walk.sent
            if b'"comment"' in request.body
        ]
        assert len(written) == 2
        assert all(comment["public"] is False for comment in written)


def test_a_new_ticket_is_found_by_its_external_id_and_is_deleted_with_the_record():
    """Without an open ticket the call gets one of its own."""
    walk = alone()
    walk.peer.faults.append(Fault(reply=json_reply(500, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    assert isinstance(walk.probe(), Accepted)
    assert walk.remote is not None
    assert walk.remote["own"] == "yes"
    assert walk.stands() == 1
    assert [type(one) for one in walk.remove()] == [Accepted, Accepted, Accepted]
    assert walk.peer.tickets[walk.remote["ticket"]]["deleted"]
    assert "Wants a quote" not in "".join(walk.peer.traces())


def test_a_ticket_on_which_people_wrote_is_not_deleted():
    """Their work stays, and the call is redacted."""
    walk = alone()
    walk.create()
    walk.update(RESTRICTED)
    assert walk.remote is not None
    ticket = walk.remote["ticket"]
    walk.peer._comment(ticket, {"public": False, "html_body": "I will call back."}, 200)
    walk.remove()
    assert not walk.peer.tickets[ticket]["deleted"]
    assert walk.stands() == 0
    assert "I will call back." in "".join(walk.peer.shown())


@pytest.mark.parametrize("others", [99, 250])
def test_a_comment_on_a_later_page_is_redacted_too(others):
    """A busy ticket has up to 5,000 comments; one that is not seen would be taken as removed."""
    for walk in (ready("zendesk"), alone()):
        walk.create()
        assert walk.remote is not None
        for number in range(others):
            comment = {"public": False, "html_body": f"Answer {number}"}
            walk.peer._comment(walk.remote["ticket"], comment, 200)
        walk.update(RESTRICTED)
        assert "Ann Lee" not in "".join(walk.peer.shown())
        walk.remove()
        assert walk.stands() == 0
        assert not walk.peer.tickets[walk.remote["ticket"]]["deleted"]


def test_the_same_creation_twice_is_one_ticket():
    """The key of idempotency is the id of the hand-over."""
    walk = alone()
    walk.create()
    walk.create()
    assert len(walk.peer.tickets) == 1
    # Another text under the same key is not a wrong record: the first may be there.
    assert isinstance(walk.create(replace(HANDOVER, agent="Bea")), Unclear)


def test_a_closed_ticket_takes_no_call_and_still_gives_one_back():
    """A creation needs another target; a removal redacts (case 16)."""
    walk = handed_over("zendesk")
    assert walk.target.parent is not None
    walk.peer.close(walk.target.parent)
    assert isinstance(walk.create(), Gone)
    assert walk.update(RESTRICTED)[-1] == Refused(code="ticket_closed")
    assert walk.stands() == 0
    assert isinstance(walk.remove()[-1], Accepted)
    assert not walk.peer.tickets[walk.target.parent]["deleted"]


def test_a_ticket_that_an_agent_deleted_is_gone():
    """Its removal is a success that is noted as such (case 15)."""
    walk = handed_over("zendesk")
    assert walk.target.parent is not None
    walk.peer.tickets[walk.target.parent]["deleted"] = True
    assert [type(one) for one in walk.remove()] == [Gone]


def test_a_redaction_leaves_no_word_and_no_link():
    """Every text of the comment is black, and other comments of the ticket are as they were."""
    walk = handed_over("zendesk")
    other = replace(HANDOVER, id="hof_" + "1" * 32, notes=("Another call.",))
    walk.create(other)
    walk.remove()
    first, second = (record.fields["html_body"] for record in walk.peer.records.values())
    assert "Agent" not in first
    assert "href" not in first
    assert "Another call." in second


def test_a_restriction_redacts_what_was_written():
    """An edit that only adds a comment would leave the former text beside it."""
    walk = handed_over("zendesk")
    walk.update(RESTRICTED)
    assert "Ann Lee" not in "".join(walk.peer.shown())


def test_always_a_new_ticket_if_the_account_says_so():
    """With ``attach`` new, the caller's tickets are not even read."""
    walk = ready("zendesk")
    walk.access = replace(walk.access, settings={"subdomain": "example", "attach": "new"})
    [hit] = walk.search()
    assert walk.system.parent_request(hit, walk.access) is None


def test_no_ticket_without_a_caller():
    """Nothing is created for nobody."""
    walk = ready("zendesk")
    assert isinstance(walk.system.create(HANDOVER, Target(), walk.access), Refused)


@pytest.mark.parametrize("subdomain", ["evil.example/", "a.b", "", "x" * 64, "-a", "a@b"])
def test_a_subdomain_is_one_label(subdomain):
    """The token goes to the account's host and no other."""
    walk = ready("zendesk")
    with pytest.raises(Exception, match="subdomain"):
        walk.system.hosts({"subdomain": subdomain})
