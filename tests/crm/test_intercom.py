"""Intercom's own rules: notes and their redaction, tickets, merged contacts, regions."""

import json

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, RESTRICTED, SIGNIFICANT, Walk, handed_over
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Moved, Refused, Unclear
from vault.errors import Invalid
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import json_reply

SYSTEM = BY_NAME["intercom"]


def alone():
    """Return a walk with a contact who has no open conversation."""
    walk = Walk.of("intercom")
    walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    [hit] = walk.search()
    walk.aim(hit)
    assert walk.target.parent is None
    return walk


def test_a_change_leaves_one_note_and_a_removal_none():
    """Former notes are redacted for good, whatever was repeated; what others wrote stays."""
    walk = handed_over("intercom")
    walk.peer._note(
        walk.target.parent, {"message_type": "note", "type": "admin", "admin_id": "1", "body": "Mine"}
    )
    walk.update(RESTRICTED)
    walk.update(HANDOVER)
    walk.update(RESTRICTED)
    assert walk.stands() == 1
    assert "Wants a quote" not in "".join(walk.peer.shown())
    walk.create()
    walk.remove()
    assert walk.stands() == 0
    bodies = [record.fields["body"] for record in walk.peer.records.values()]
    assert [body for body in bodies if body is not None] == ["Mine"]


def test_the_author_is_the_agent_or_the_integrations():
    """A note needs an admin."""
    walk = handed_over("intercom")
    assert json.loads(walk.sent[-1].body)["admin_id"] == "814860"


def test_a_ticket_has_no_notes_and_is_deleted():
    """Some types of tickets are shown to the contact, so notes of colleagues stay out of them."""
    walk = alone()
    walk.peer.faults.append(Fault(reply=json_reply(500, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    walk.probe()
    assert walk.remote is None
    walk.peer.index()
    walk.probe()
    assert walk.remote is not None
    assert walk.stands() == 1
    assert "Wants a quote" not in "".join(walk.peer.shown())
    assert isinstance(walk.remove()[-1], Accepted)
    assert walk.peer.records == {}


def test_a_ticket_on_which_people_wrote_is_blanked():
    """Their work stays."""
    walk = alone()
    walk.create()
    [record] = walk.peer.records.values()
    record.fields["parts"] = [{"type": "ticket_part", "part_type": "note", "body": "<p>I call back.</p>"}]
    assert isinstance(walk.remove()[-1], Accepted)
    assert isinstance(walk.remove()[-1], Accepted)
    assert len(walk.peer.records) == 1
    assert walk.stands() == 0


def test_a_merged_contact_is_followed_by_its_id_alone():
    """410 names the winner by an address, of which the id is taken (case 14)."""
    walk = alone()
    winner = walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    walk.peer.merge(walk.target.id, winner)
    assert walk.create() == Moved(ids={"contact": winner})
    walk.target = Target(kind="user", id=winner)
    assert isinstance(walk.create(), Accepted)


@pytest.mark.parametrize(
    "link", ["", "<https://evil.example/contacts/../1>", '<https://x/contacts/1?a>; rel="canonical"']
)
def test_a_link_that_is_no_contact_is_not_followed(link):
    """The contact is then gone."""
    body = json.dumps({"type": "error.list", "errors": [{"code": "contact_merged"}]}).encode()
    reply = CrmReply(status=410, headers={"link": link}, body=body, received_at=NOW)
    assert not isinstance(SYSTEM.classify("create", reply), Moved)


def test_without_a_ticket_type_a_contact_needs_a_conversation():
    """A person reads what is missing."""
    walk = alone()
    access = walk.access
    settings = {"admin_id": "1"}
    request = SYSTEM.create(
        HANDOVER, walk.target, type(access)(settings=settings, by="key", token=access.token)
    )
    assert request == Refused(code="no_open_conversation")


@pytest.mark.parametrize(("region", "host"), [("us", "api.intercom.io"), ("eu", "api.eu.intercom.io")])
def test_the_region_decides_the_host(region, host):
    """Data of a workspace in Europe is asked for in Europe."""
    assert SYSTEM.hosts({"admin_id": "1", "region": region}) == (host,)
    with pytest.raises(Invalid, match="region"):
        SYSTEM.hosts({"region": "evil"})
