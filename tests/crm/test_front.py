"""Front's own rules: numbers with a plus, conversations that were merged, comments that cannot be deleted."""

from dataclasses import replace

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, SIGNIFICANT, Walk, handed_over, ready
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Gone, Moved, Refused, Residue

SYSTEM = BY_NAME["front"]


def test_a_number_has_a_plus():
    """Without one it is a number of the United States (case 10)."""
    walk = ready("front")
    assert walk.sent[0].url.endswith("/contacts/alt%3Aphone%3A%2B33612345678")
    assert walk.peer._contact("12025550100").status == 404


def test_a_merged_conversation_is_followed_by_its_id_alone():
    """301 names the other; the comment goes there, to the same host (case 14)."""
    walk = ready("front")
    other = walk.peer.open_parent(walk.target.id)
    walk.peer.merged[walk.target.parent] = other
    verdict = walk.create()
    assert verdict == Moved(ids={"parent": other})
    walk.target = replace(walk.target, parent=verdict.ids["parent"])
    assert isinstance(walk.create(), Accepted)
    assert walk.sent[-1].hosts == ("api2.frontapp.com",)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://evil.example/messages/1",
        "https://x/conversations/../cnv_1",
        "https://x/conversations/cnv_1?a",
    ],
)
def test_a_place_that_is_no_conversation_is_not_followed(location):
    """The conversation is then gone."""
    reply = CrmReply(status=301, headers={"location": location}, received_at=NOW)
    assert isinstance(SYSTEM.classify("create", reply), Gone)


def test_without_a_conversation_nothing_is_written():
    """Notes beside a contact can neither be changed nor removed there."""
    walk = Walk.of("front")
    assert SYSTEM.create(HANDOVER, Target(id="crd_1"), walk.access) == Refused(code="no_open_conversation")


def test_a_removal_leaves_an_empty_comment_and_says_so():
    """Front has no deletion of comments (case 31)."""
    walk = handed_over("front")
    walk.remove()
    assert len(walk.peer.records) == 1
    assert Residue.EMPTY_RECORD in SYSTEM.keeps_after_removal


def test_nobody_is_mentioned():
    """An at sign before a name would notify a colleague."""
    walk = ready("front")
    walk.create(replace(HANDOVER, notes=("Ask @bob",)))
    assert "@" not in "".join(walk.peer.shown())


def test_an_archived_conversation_takes_no_comment():
    """The latest open one does."""
    walk = Walk.of("front")
    contact = walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT)
    walk.peer.conversations[walk.peer.open_parent(contact)]["status"] = "archived"
    [hit] = walk.search()
    walk.aim(hit)
    assert walk.target.parent is None
