"""Salesforce's own rules: contacts, leads and accounts; cases; the organization's host; limits of a day."""

import json
from dataclasses import replace

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, SIGNIFICANT, WRITTEN, Walk, handed_over, ready
from vault.domain.crm.exchange import CrmReply, Grant
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Gone, Refused, Unclear, Wait
from vault.errors import Invalid

SYSTEM = BY_NAME["salesforce"]
HOSTS = [
    ("https://example.my.salesforce.com", True),
    ("https://example--uat.sandbox.my.salesforce.com", True),
    ("https://evil.example", False),
    ("https://evil.example/.my.salesforce.com", False),
    ("https://my.salesforce.com.evil.example", False),
    ("https://evilmy.salesforce.com", False),
    ("http://example.my.salesforce.com", False),
    ("https://user@example.my.salesforce.com", False),
    ("https://example.my.salesforce.com:8443", False),
]


def answer(status, code, **more):
    """Return an error as Salesforce writes it."""
    body = json.dumps([{"message": "secret", "errorCode": code, **more}]).encode()
    return CrmReply(status=status, body=body, received_at=NOW)


@pytest.mark.parametrize(("address", "is_own"), HOSTS)
def test_a_token_goes_to_a_host_of_salesforce_alone(address, is_own):
    """The reply with the token names the host; a foreign one is refused (case 29)."""
    body = json.dumps({"access_token": "00D" + "x" * 40, "instance_url": address}).encode()
    grant = SYSTEM.oauth.grant_of({}, CrmReply(status=200, body=body, received_at=NOW))
    if is_own:
        assert isinstance(grant, Grant)
        assert grant.settings == {"instance_url": address}
        assert SYSTEM.hosts(grant.settings) == (address.removeprefix("https://"),)
    else:
        assert grant == Refused(code="foreign_host")
        with pytest.raises(Invalid):
            SYSTEM.hosts({"instance_url": address})


def test_contacts_come_before_leads_and_accounts():
    """One number is a contact's, a lead's and a company's; the person who decides sees them in this order."""
    walk = Walk.of("salesforce")
    for kind in ("account", "lead", "contact"):
        walk.peer.add_contact(WRITTEN, NUMBER, SIGNIFICANT, kind=kind)
    assert [hit.kind for hit in walk.search()] == ["contact", "lead", "account"]


@pytest.mark.parametrize(("kind", "field"), [("contact", "WhoId"), ("lead", "WhoId"), ("account", "WhatId")])
def test_a_task_stands_beside_what_was_found(kind, field):
    """People are who, companies are what the task is about."""
    walk = Walk.of("salesforce")
    record = walk.peer.add_contact(WRITTEN, NUMBER, SIGNIFICANT, kind=kind)
    [hit] = walk.search()
    walk.aim(hit)
    assert isinstance(walk.create(), Accepted)
    assert json.loads(walk.sent[-1].body)[field] == record


def test_desk_puts_the_call_beside_the_open_case():
    """Desk is Salesforce in the mode of cases; Salesforce itself does so if the account says it."""
    walk = handed_over("desk")
    assert json.loads(walk.sent[-1].body)["WhatId"] == walk.target.parent
    assert walk.target.parent in walk.peer.cases
    other = ready("salesforce")
    [hit] = other.search()
    assert SYSTEM.parent_request(hit, other.access) is None
    settings = {**other.access.settings, "attach": "case"}
    assert SYSTEM.parent_request(hit, replace(other.access, settings=settings)) is not None


def test_a_merged_contact_needs_another_search():
    """The loser of a merge takes no task (case 14); the task that stood there moves with its id."""
    walk = handed_over("salesforce")
    winner = walk.peer.add_contact(WRITTEN, NUMBER, SIGNIFICANT)
    walk.peer.contacts[walk.target.id].winner = winner
    assert isinstance(walk.create(), Gone)
    assert isinstance(walk.remove()[-1], Accepted)


def test_errors_are_told_by_their_code():
    """The status alone says too little."""
    assert SYSTEM.classify("create", answer(403, "REQUEST_LIMIT_EXCEEDED")).is_daily
    assert isinstance(SYSTEM.classify("create", answer(400, "UNABLE_TO_LOCK_ROW")), Wait)
    assert isinstance(SYSTEM.classify("create", answer(400, "DUPLICATE_VALUE")), Unclear)
    assert isinstance(SYSTEM.classify("remove", answer(400, "ENTITY_IS_DELETED")), Gone)
    hidden = SYSTEM.classify("create", answer(400, "INVALID_FIELD_FOR_INSERT_UPDATE", fields=["CallType"]))
    assert hidden == Refused(code="invalid_field_for_insert_update", field="CallType")


def test_the_budget_of_a_day_is_read():
    """The header has what is used, and the limit."""
    walk = ready("salesforce")
    request = SYSTEM.create(HANDOVER, walk.target, walk.access)
    assert not isinstance(request, Refused)
    budget = SYSTEM.budget(walk.send(request))
    assert budget is not None
    assert (budget.remaining, budget.limit) == (89_982, 100_000)


@pytest.mark.parametrize("contact", ["", "' OR Name != '", "003'", "../User"])
def test_an_id_is_no_query(contact):
    """What is no id of a record reaches no query and no path."""
    walk = ready("salesforce")
    walk.access = replace(walk.access, settings={**walk.access.settings, "attach": "case"})
    [hit] = walk.search()
    assert SYSTEM.parent_request(replace(hit, id=contact), walk.access) is None
    assert isinstance(SYSTEM.create(HANDOVER, Target(kind="contact", id=contact), walk.access), Refused)
    assert SYSTEM.agent_request(f"{contact}@example.com'", walk.access) is None


def test_a_probe_is_a_query_of_the_id_alone():
    """Whatever the id, nothing of it ends the text of the query."""
    walk = ready("salesforce")
    request = SYSTEM.probe(replace(HANDOVER, id="hof_1' OR Id != '"), walk.target, walk.access)
    assert request.url.count("%27") == 2
