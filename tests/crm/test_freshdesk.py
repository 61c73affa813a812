"""Freshdesk's own rules: spellings in two fields, private notes, descriptions that the contact reads."""

import json

import pytest

from tests.crm.walk import BY_NAME, NUMBER, RESTRICTED, SIGNIFICANT, Walk, handed_over, ready
from vault.domain.crm.verdict import Accepted, Unclear
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import json_reply

SYSTEM = BY_NAME["freshdesk"]


def alone():
    """Return a walk with a contact who has no open ticket."""
    walk = Walk.of("freshdesk")
    walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    [hit] = walk.search()
    walk.aim(hit)
    assert walk.target.parent is None
    return walk


@pytest.mark.parametrize("written", [NUMBER, "0612345678", "06 12 34 56 78", "33612345678"])
def test_each_usual_spelling_is_found(written):
    """A plus stands encoded in the query, or it would be read as a blank."""
    walk = Walk.of("freshdesk")
    contact = walk.peer.add_contact(written, NUMBER, SIGNIFICANT)
    assert [hit.id for hit in walk.search()] == [contact]
    assert all("+" not in request.url for request in walk.sent)


def test_a_search_stops_at_the_first_verified_hit():
    """A plan has twenty lists of contacts in a minute."""
    walk = Walk.of("freshdesk")
    walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    walk.search()
    assert len(walk.sent) == 2


def test_a_note_is_private():
    """The contact does not read it."""
    walk = handed_over("freshdesk")
    assert json.loads(walk.sent[-1].body)["private"] is True


def test_a_new_ticket_has_no_notes_and_is_found_again():
    """Its description is shown to the contact, so notes of colleagues stay out of it."""
    walk = alone()
    walk.peer.faults.append(Fault(reply=json_reply(502, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    assert isinstance(walk.probe(), Accepted)
    assert walk.stands() == 1
    assert "Wants a quote" not in "".join(walk.peer.shown())
    walk.update(RESTRICTED)
    assert "Ann Lee" not in "".join(walk.peer.shown())
    walk.remove()
    assert all(ticket["deleted"] for ticket in walk.peer.tickets.values())


def test_a_ticket_on_which_people_wrote_is_blanked():
    """Their work stays."""
    walk = alone()
    walk.create()
    assert walk.remote is not None
    walk.peer._note(walk.remote["ticket"], {"private": True, "body": "I call back."})
    walk.remove()
    assert "deleted" not in walk.peer.tickets[walk.remote["ticket"]]
    assert walk.stands() == 0


def test_a_resolved_ticket_takes_no_note():
    """The contact's latest open one does."""
    walk = ready("freshdesk")
    walk.peer.tickets[walk.target.parent]["status"] = 5
    [hit] = walk.search()
    walk.aim(hit)
    assert walk.target.parent is None
