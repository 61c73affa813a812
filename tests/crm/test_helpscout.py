"""Help Scout's own rules: own conversations, merges, edits that keep the former text."""

from datetime import timedelta

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, RESTRICTED, SIGNIFICANT, Walk, handed_over
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.verdict import Accepted, Gone, Moved, Residue, Wait

SYSTEM = BY_NAME["helpscout"]


@pytest.mark.parametrize(
    "written", [NUMBER, "0612345678", "06 12 34 56 78", "+33 6 12 34 56 78", SIGNIFICANT]
)
def test_one_search_has_every_usual_spelling(written):
    """A plus and blanks stand encoded in it."""
    walk = Walk.of("helpscout")
    contact = walk.peer.add_contact(written, NUMBER, SIGNIFICANT)
    assert [hit.id for hit in walk.search()] == [contact]
    assert len(walk.sent) == 1
    assert "+" not in walk.sent[0].url


def test_a_removal_deletes_the_conversation_for_good():
    """Nothing of it stays, also after changes."""
    walk = handed_over("helpscout")
    walk.update(RESTRICTED)
    walk.update(HANDOVER)
    assert isinstance(walk.remove()[-1], Accepted)
    assert walk.peer.conversations == {}
    assert walk.peer.traces() == []


def test_a_conversation_in_which_people_wrote_is_blanked():
    """Their work stays, and what the system keeps of an edit is said (case 31)."""
    walk = handed_over("helpscout")
    assert walk.remote is not None
    walk.peer._thread(walk.remote["conversation"], {"type": "note", "text": "I call back."})
    walk.remove()
    assert "I call back." in walk.peer.shown()
    assert walk.stands() == 0
    assert Residue.EDIT_HISTORY in SYSTEM.keeps_after_removal
    walk.remove()
    assert "I call back." in walk.peer.shown()


def test_a_merged_conversation_is_not_taken_as_removed_and_the_other_is_not_deleted():
    """A deletion of the old id gets 404, which proves nothing (case 14)."""
    walk = handed_over("helpscout")
    assert walk.remote is not None
    customers = walk.peer.open_conversation()
    walk.peer.merge(walk.remote["conversation"], customers)
    assert walk.remove() == [Moved(ids={"conversation": customers})]
    assert walk.stands() == 1
    assert isinstance(walk.remove()[-1], Accepted)
    assert walk.stands() == 0
    assert customers in walk.peer.conversations
    assert "Where is my order?" in walk.peer.shown()


def test_a_place_that_is_no_conversation_is_not_followed():
    """The conversation is then gone."""
    headers = {"location": "https://api.helpscout.net/v2/customers/1"}
    reply = CrmReply(status=301, headers=headers, received_at=NOW)
    assert isinstance(SYSTEM.classify("remove", reply), Gone)


def test_the_wait_stands_in_a_header_of_its_own():
    """It is no Retry-After."""
    reply = CrmReply(status=429, headers={"x-ratelimit-retry-after": "9"}, body=b"{}", received_at=NOW)
    assert SYSTEM.classify("update", reply) == Wait(asked=timedelta(seconds=9))
