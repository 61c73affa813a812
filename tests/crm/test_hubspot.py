"""HubSpot's own rules: searches without a country, a unique property, budgets, history and archive."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.crm.walk import (
    BY_NAME,
    HANDOVER,
    NOW,
    NUMBER,
    SIGNIFICANT,
    WRITTEN,
    Walk,
    forms_of,
    handed_over,
    ready,
)
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.verdict import Accepted, Refused, Unclear, Wait
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import json_reply

SYSTEM = BY_NAME["hubspot"]


def test_a_search_has_no_country_and_hits_are_verified():
    """The contact abroad with the same national digits comes back, and is no hit (case 10)."""
    walk = Walk.of("hubspot")
    walk.peer.add_contact("+352612345678", "+352612345678", SIGNIFICANT)
    own = walk.peer.add_contact(WRITTEN, NUMBER, SIGNIFICANT)
    [request] = SYSTEM.find(forms_of(NUMBER), walk.access)
    assert {
        clause["value"] for group in json.loads(request.body)["filterGroups"] for clause in group["filters"]
    } == {SIGNIFICANT}
    assert len(SYSTEM.candidates(walk.send(request)).candidates) == 2
    assert [hit.id for hit in walk.search()] == [own]


def test_a_page_that_is_not_all_says_so():
    """Fifty contacts of other countries do not mean that there is none of this one."""
    body = {"results": [], "paging": {"next": {"after": "50"}}}
    page = SYSTEM.candidates(CrmReply(status=200, body=json.dumps(body).encode(), received_at=NOW))
    assert page.is_cut


def test_a_unique_property_finds_the_call_at_once_and_forbids_a_second():
    """With a property of its own, a probe does not wait for the index, and HubSpot refuses a duplicate."""
    walk = ready("hubspot")
    walk.access = replace(walk.access, settings={"id_property": "callvault_handover_id"})
    walk.peer.faults.append(Fault(reply=json_reply(504, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    assert isinstance(walk.create(), Unclear)
    assert isinstance(walk.probe(), Accepted)
    assert walk.remote == {"call": next(iter(walk.peer.records))}
    assert walk.stands() == 1


def test_the_budget_of_a_day_is_waited_out_and_that_of_seconds_is_not():
    """The policy of a 429 says which budget is spent (case 26)."""
    for policy, wait in (
        ("DAILY", Wait(asked=timedelta(hours=6), is_daily=True)),
        ("TEN_SECONDLY_ROLLING", Wait()),
    ):
        body = json.dumps({"status": "error", "errorType": "RATE_LIMIT", "policyName": policy}).encode()
        assert SYSTEM.classify("update", CrmReply(status=429, body=body, received_at=NOW)) == wait


def test_the_headers_of_a_reply_say_what_is_left():
    """The adapter reads the budget of ten seconds."""
    walk = ready("hubspot")
    request = SYSTEM.create(HANDOVER, walk.target, walk.access)
    assert not isinstance(request, Refused)
    budget = SYSTEM.budget(walk.send(request))
    assert budget is not None
    assert (budget.remaining, budget.limit, budget.resets_in) == (97, 110, timedelta(seconds=10))


def test_a_rule_of_the_portal_names_its_field_and_no_value():
    """A property that the portal requires needs a person, who reads its name."""
    detail = {
        "message": "secret value",
        "code": "MISSING_REQUIRED_PROPERTY",
        "context": {"propertyName": ["region__c"]},
    }
    body = json.dumps({"category": "VALIDATION_ERROR", "errors": [detail]}).encode()
    verdict = SYSTEM.classify("create", CrmReply(status=400, body=body, received_at=NOW))
    assert verdict == Refused(code="missing_required_property", field="region__c")


def test_the_text_is_blanked_before_the_call_is_archived():
    """What can be restored from the archive is an empty call; the history of its text stays (case 31)."""
    walk = handed_over("hubspot")
    walk.remove()
    [record] = walk.peer.records.values()
    assert record.removed
    assert "Wants a quote" not in json.dumps(record.fields)
    assert NUMBER not in json.dumps(record.fields)
    assert any("Wants a quote" in text for text in walk.peer.traces())


def test_an_owner_is_found_by_the_whole_address_in_any_case():
    """Agents are mapped by e-mail; another address that the search returns is none."""
    walk = ready("hubspot")
    request = SYSTEM.agent_request("ann@example.com", walk.access)
    assert request is not None
    reply = walk.send(request)
    assert SYSTEM.agent_of(reply, "ann@example.com") == "77"
    assert SYSTEM.agent_of(reply, "joann@example.com") is None


@pytest.mark.parametrize("code", ["CONFLICTING_UNIQUE_VALUE", "CONFLICT"])
def test_a_conflict_of_a_creation_is_probed(code):
    """It says that the call may be there."""
    body = json.dumps({"category": "VALIDATION_ERROR", "errors": [{"message": "", "code": code}]}).encode()
    assert SYSTEM.classify("create", CrmReply(status=400, body=body, received_at=NOW)) == Unclear()
