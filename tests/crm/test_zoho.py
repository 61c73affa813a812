"""Zoho's own rules: results for each record, modules, data centres, workflows."""

import json

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, SIGNIFICANT, Walk, handed_over
from vault.domain.crm.exchange import CrmReply, Grant
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Denied, Gone, Refused, Unauthorized, Wait
from vault.errors import Invalid

SYSTEM = BY_NAME["zoho"]


def result(status, code, **details):
    """Return an answer with one result."""
    body = json.dumps({"data": [{"code": code, "details": details, "status": "error"}]}).encode()
    return CrmReply(status=status, body=body, received_at=NOW)


def whole(status, code):
    """Return an answer with an error of its own."""
    return CrmReply(
        status=status, body=json.dumps({"code": code, "status": "error"}).encode(), received_at=NOW
    )


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_a_success_with_an_error_for_the_record_is_none(status):
    """The code of the record counts, and names the field (case 28)."""
    verdict = SYSTEM.classify("create", result(status, "MANDATORY_NOT_FOUND", api_name="Region"))
    assert verdict == Refused(code="mandatory_not_found", field="Region")
    assert isinstance(SYSTEM.classify("create", result(status, "SUCCESS", id="7")), Accepted)


@pytest.mark.parametrize(
    ("act", "reply", "kind"),
    [
        ("create", result(202, "INVALID_DATA", api_name="Who_Id"), Gone),
        ("create", result(202, "INVALID_DATA", api_name="Subject"), Refused),
        ("remove", result(400, "INVALID_DATA", id="7"), Gone),
        ("update", whole(401, "OAUTH_SCOPE_MISMATCH"), Denied),
        ("update", whole(401, "INVALID_TOKEN"), Unauthorized),
        ("update", whole(429, "TOO_MANY_REQUESTS"), Wait),
    ],
)
def test_a_code_says_more_than_the_status(act, reply, kind):
    """One status has several meanings."""
    assert isinstance(SYSTEM.classify(act, reply), kind)


@pytest.mark.parametrize(
    ("kind", "field"), [("contact", "Who_Id"), ("lead", "What_Id"), ("account", "What_Id")]
)
def test_each_module_is_searched_and_a_call_stands_beside_what_was_found(kind, field):
    """An answer does not name its module: the fields of a hit do."""
    walk = Walk.of("zoho")
    record = walk.peer.add_contact(NUMBER, NUMBER, SIGNIFICANT, kind=kind)
    [hit] = walk.search()
    assert hit.kind == kind
    walk.aim(hit)
    assert isinstance(walk.create(), Accepted)
    assert json.loads(walk.sent[-1].body)["data"][0][field] == {"id": record}


def test_no_workflow_of_the_customer_is_started():
    """An empty list of triggers says so; without it they all run."""
    walk = handed_over("zoho")
    assert json.loads(walk.sent[-1].body)["trigger"] == []


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        ("https://www.zohoapis.eu", True),
        ("https://evil.example", False),
        ("https://www.zohoapis.eu.evil.example", False),
    ],
)
def test_the_host_of_the_api_is_zohos(address, is_own):
    """A foreign ``api_domain`` is refused, and the token goes to the data centre that was entered (cases 28, 29)."""
    body = json.dumps(
        {"access_token": "1000." + "x" * 40, "api_domain": address, "expires_in": 3600}
    ).encode()
    grant = SYSTEM.oauth.grant_of({"data_center": "eu"}, CrmReply(status=200, body=body, received_at=NOW))
    assert isinstance(grant, Grant) if is_own else grant == Refused(code="foreign_host")


def test_the_data_centre_is_one_that_exists():
    """Any other end of a host is refused."""
    assert SYSTEM.hosts({"data_center": "com.au"}) == ("www.zohoapis.com.au",)
    with pytest.raises(Invalid, match="data_center"):
        SYSTEM.hosts({"data_center": "evil.example/"})


def test_nothing_is_created_for_nobody():
    """A call needs a record beside which it stands."""
    walk = Walk.of("zoho")
    assert SYSTEM.create(HANDOVER, Target(kind="user", id="1"), walk.access) == Refused(code="no_contact")
