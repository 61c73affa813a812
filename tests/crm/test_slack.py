"""Slack's own rules: ok or not, mentions, previews, exports that forbid a deletion, lost answers."""

import json

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, handed_over, ready
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.verdict import (
    Accepted,
    Denied,
    Gone,
    Kept,
    Refused,
    Residue,
    Unauthorized,
    Unclear,
    Wait,
)
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import json_reply

SYSTEM = BY_NAME["slack"]
ERRORS = [
    ("create", "channel_not_found", Refused),
    ("create", "is_archived", Refused),
    ("create", "missing_scope", Denied),
    ("create", "token_revoked", Unauthorized),
    ("create", "ratelimited", Wait),
    ("create", "fatal_error", Unclear),
    ("update", "fatal_error", Wait),
    ("update", "edit_window_closed", Refused),
    ("remove", "edit_window_closed", Accepted),
    ("remove", "message_not_found", Gone),
    ("remove", "compliance_exports_prevent_deletion", Kept),
]


@pytest.mark.parametrize(("act", "error", "kind"), ERRORS)
def test_an_answer_that_is_not_ok_is_no_success(act, error, kind):
    """The status is 200 in each case (case 27)."""
    body = json.dumps({"ok": False, "error": error}).encode()
    verdict = SYSTEM.classify(
        act, CrmReply(status=200, body=body, headers={"retry-after": "7"}, received_at=NOW)
    )
    assert isinstance(verdict, kind)


def test_an_export_keeps_a_message_whose_text_is_gone():
    """The organization forbids deletions: the message is blank, and what it keeps is noted."""
    walk = handed_over("slack")
    walk.peer.exports = True
    assert walk.remove()[-1] == Kept(residue=Residue.COMPLIANCE_EXPORT)
    assert walk.stands() == 0
    assert "Wants a quote" not in "".join(walk.peer.shown())


def test_no_preview_is_fetched_and_nobody_is_mentioned():
    """Slack's own fetcher does not open the doorway, and names in the text stay names."""
    walk = handed_over("slack")
    body = json.loads(walk.sent[-1].body)
    assert (body["unfurl_links"], body["unfurl_media"], body["parse"]) == (False, False, "none")
    assert all(block["text"]["verbatim"] for block in body["blocks"])
    assert "Ann" not in body["text"]


def test_the_channel_reads_masked_numbers():
    """The port says who reads, and the core masks: nothing is masked twice here."""
    assert SYSTEM.audience == "channel"
    assert SYSTEM.find.__func__ is not None


def test_a_message_is_found_by_its_metadata_alone():
    """Somebody who quotes the reference in the channel has not posted the record."""
    walk = ready("slack")
    walk.peer.faults.append(Fault(reply=json_reply(504, {}), is_after=True))
    walk.create()
    [record] = walk.peer.records.values()
    record.fields = {**record.fields, "metadata": {}, "text": f"Did you see {HANDOVER.id}?"}
    assert isinstance(walk.probe(), Accepted)
    assert walk.remote is None
