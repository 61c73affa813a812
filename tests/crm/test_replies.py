"""What replies mean: every class of answer, waits, hostile bodies, for every CRM system."""

import json
from itertools import product

import pytest

from tests.crm.walk import BY_NAME, HANDOVER, NOW, Walk
from vault.domain.crm.exchange import CrmReply
from vault.domain.crm.verdict import Accepted, Denied, Gone, Refused, Unauthorized, Unclear, Wait

NAMES = sorted(BY_NAME)
ACTS = ("find", "create", "probe", "update", "remove")
every = pytest.mark.parametrize("name", NAMES)

STATUSES = [
    (401, {}, dict.fromkeys(ACTS, Unauthorized)),
    (404, {}, dict.fromkeys(ACTS, Gone)),
    (409, {}, {"create": Unclear}),
    (422, {}, dict.fromkeys(ACTS, Refused)),
    (423, {}, dict.fromkeys(ACTS, Wait)),
    (429, {"retry-after": "37"}, dict.fromkeys(ACTS, Wait)),
    (500, {}, {"create": Unclear, "find": Wait, "probe": Wait, "update": Wait, "remove": Wait}),
    (503, {}, {"create": Unclear, "find": Wait, "probe": Wait, "update": Wait, "remove": Wait}),
]


@every
@pytest.mark.parametrize(("status", "headers", "expected"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_each_status_has_its_meaning(name, status, headers, expected):
    """What may have been written is unclear for a creation, and sent again for what can be repeated."""
    if BY_NAME[name].audience == "receiver" and status == 404:
        # It has no records that could be gone: it is the receiver that is not there.
        expected = dict.fromkeys(ACTS, Wait)
    for act, kind in expected.items():
        reply = CrmReply(status=status, headers=headers, body=b"{}", received_at=NOW)
        assert isinstance(BY_NAME[name].classify(act, reply), kind), act


@every
def test_a_blocking_edge_is_no_missing_scope(name):
    """403 with a page is a throttle; with the system's own error a person must act."""
    system = BY_NAME[name]
    page = CrmReply(
        status=403, headers={"content-type": "text/html"}, body=b"<html>Blocked</html>", received_at=NOW
    )
    assert isinstance(system.classify("create", page), Wait)
    own = CrmReply(status=403, body=json.dumps({"error": "forbidden"}).encode(), received_at=NOW)
    assert isinstance(system.classify("create", own), Denied)


@every
@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("37", 37, 37),
        ("Thu, 26 Nov 2026 10:05:00 GMT", 300, 300),
        ("86400000", 21600, 21600),
        ("-5", None, None),
    ],
)
def test_a_wait_is_taken_as_asked_within_bounds(name, header, low, high):
    """Retry-After in seconds or as a date; an absurd one is cut to six hours."""
    reply = CrmReply(status=429, headers={"retry-after": header}, body=b"{}", received_at=NOW)
    verdict = BY_NAME[name].classify("update", reply)
    assert isinstance(verdict, Wait)
    if low is None:
        assert verdict.asked is None
    else:
        assert verdict.asked is not None
        assert low <= verdict.asked.total_seconds() <= high


BODIES = [
    b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 100_000, b'{"results":' * 20_000, b"9" * 100_000,
    json.dumps({"data": "x", "results": {}, "id": {"a": 1}, "ok": True, "ticket": [], "errors": "x", "ts": 1}).encode(),
    json.dumps([[{"id": None, "errorCode": 7, "errors": [3]}]]).encode(),
    json.dumps({"id": "../../admin", "ts": "a/b", "data": [{"details": {"id": "x?y"}, "code": "SUCCESS"}]}).encode(),
]  # fmt: skip


@every
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_reply_raises_and_no_id_is_a_path(name, body):
    """Whatever a server sends, each reader returns; an id that could lead elsewhere is none."""
    system = BY_NAME[name]
    walk = Walk.of(name)
    for status, act in product((200, 201, 301, 400, 403, 429, 500), ACTS):
        reply = CrmReply(
            status=status,
            headers={
                "location": "https://evil.example/1",
                "link": "<https://evil.example/1>",
                "resource-id": "../1",
            },
            body=body,
            received_at=NOW,
        )
        system.classify(act, reply)
        assert system.candidates(reply).candidates == () or all(
            "/" not in hit.id for hit in system.candidates(reply).candidates
        )
        assert system.parent_of(reply) is None
        assert "/" not in "".join((system.created(reply) or {}).values())
        assert system.probed(reply, HANDOVER, walk.target) is None
        assert system.agent_of(reply, "ann@example.com") is None
        contact = system.contact_of(reply)
        assert contact is None or "/" not in contact.id
        system.budget(reply)
        if system.oauth is not None:
            system.oauth.grant_of(walk.peer.settings, reply)


@every
def test_no_request_is_sent_for_a_page_of_html(name):
    """A proxy that answers 200 with a page has found nothing."""
    page = CrmReply(status=200, body=b"<html>Welcome</html>", received_at=NOW)
    verdict = BY_NAME[name].classify("find", page)
    assert not isinstance(verdict, Accepted)
