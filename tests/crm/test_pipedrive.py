"""Pipedrive's own rules: spellings, the header of the token, the host of the API, bursts."""

import json
from datetime import timedelta

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, NUMBER, SIGNIFICANT, Walk, ready
from vault.domain.crm.exchange import CrmReply, Grant
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Refused, Wait

SYSTEM = BY_NAME["pipedrive"]


@pytest.mark.parametrize(
    "written", [NUMBER, "0612345678", "06 12 34 56 78", "+33 6 12 34 56 78", "33612345678"]
)
def test_each_usual_spelling_is_found(written):
    """The search compares text, so the vault tries each, and stops at the first that has a verified hit (case 10)."""
    walk = Walk.of("pipedrive")
    contact = walk.peer.add_contact(written, NUMBER, SIGNIFICANT)
    assert [hit.id for hit in walk.search()] == [contact]


def test_the_key_is_in_a_header():
    """The documented query parameter would put it into logs (case 23)."""
    walk = ready("pipedrive")
    assert {request.headers["x-api-token"] for request in walk.sent} == {walk.peer.key}
    assert all("api_token" not in request.url for request in walk.sent)


@pytest.mark.parametrize(
    ("address", "company"),
    [
        ("https://example.pipedrive.com", "example"),
        ("https://evil.example", None),
        ("https://example.pipedrive.com.evil.example", None),
        ("https://a.b.pipedrive.com", None),
        ("http://example.pipedrive.com", None),
    ],
)
def test_the_host_of_the_api_is_pipedrives(address, company):
    """A foreign ``api_domain`` is refused before a token is sent there (case 29)."""
    body = json.dumps({"access_token": "v1u:" + "x" * 40, "api_domain": address, "expires_in": 3599}).encode()
    grant = SYSTEM.oauth.grant_of({}, CrmReply(status=200, body=body, received_at=NOW))
    assert grant == Refused(code="foreign_host") if company is None else isinstance(grant, Grant)
    if isinstance(grant, Grant):
        assert grant.settings == {"company": company}


def test_a_burst_is_waited_for_as_its_header_says():
    """There is no Retry-After."""
    reply = CrmReply(status=429, headers={"x-ratelimit-reset": "2"}, body=b"{}", received_at=NOW)
    assert SYSTEM.classify("update", reply) == Wait(asked=timedelta(seconds=2))


def test_nothing_is_created_for_nobody():
    """A record without a person would stand in everybody's list."""
    walk = ready("pipedrive")
    assert SYSTEM.create(HANDOVER, Target(), walk.access) == Refused(code="no_person")
