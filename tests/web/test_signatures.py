"""Webhooks that prove nothing: 401 for every way of being wrong, with one body, before anything is read."""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.tenant import Tenant, moment
from tests.support.web_house import House
from vault.telephony.signatures.standard_webhooks import sign

pytestmark = pytest.mark.faults


def event(**data: object) -> bytes:
    """Return the body of a call event."""
    return json.dumps({"type": "call.started", "timestamp": moment(datetime.now(UTC)), "data": data}).encode()


def headers_of(tenant: Tenant, body: bytes, **more: timedelta) -> dict[str, str]:
    """Sign a body, now or at another time."""
    sent_at = datetime.now(UTC) + more.get("shift", timedelta(0))
    return sign(tenant.secret, delivery_id=secrets.token_hex(8), sent_at=sent_at, body=body)


def other(character: str) -> str:
    """Return another character of base64."""
    return "B" if character == "A" else "A"


def unknown(tenant: Tenant) -> str:
    """Return the address of a connection that does not exist."""
    return tenant.webhook_url.replace("conn_", "conn_0")[: len(tenant.webhook_url)]


MUTATIONS = {
    "no headers": lambda _: {},
    "no id": lambda h: {k: v for k, v in h.items() if k != "webhook-id"},
    "no timestamp": lambda h: {k: v for k, v in h.items() if k != "webhook-timestamp"},
    "no signature": lambda h: {k: v for k, v in h.items() if k != "webhook-signature"},
    "empty signature": lambda h: h | {"webhook-signature": ""},
    "another id": lambda h: h | {"webhook-id": "other"},
    "id with a dot": lambda h: h | {"webhook-id": h["webhook-id"] + ".1"},
    "another second": lambda h: h | {"webhook-timestamp": str(int(h["webhook-timestamp"]) + 1)},
    "timestamp of letters": lambda h: h | {"webhook-timestamp": "now"},
    "timestamp too long": lambda h: h | {"webhook-timestamp": "9" * 400},
    "negative timestamp": lambda h: h | {"webhook-timestamp": "-" + h["webhook-timestamp"]},
    "timestamp with a plus": lambda h: h | {"webhook-timestamp": "+" + h["webhook-timestamp"]},
    "version 2": lambda h: h | {"webhook-signature": h["webhook-signature"].replace("v1,", "v2,")},
    "without version": lambda h: h | {"webhook-signature": h["webhook-signature"][3:]},
    "first half": lambda h: h | {"webhook-signature": h["webhook-signature"][:20]},
    "one character": lambda h: (
        h | {"webhook-signature": f"v1,{other(h['webhook-signature'][3])}{h['webhook-signature'][4:]}"}
    ),
    "no base64": lambda h: h | {"webhook-signature": "v1,%%%%"},
    "not ascii": lambda h: h | {"webhook-signature": b"v1,\xe4\xff"},
    "id not ascii": lambda h: h | {"webhook-id": b"\xe4\xff"},
    "seventeen of them": lambda h: h | {"webhook-signature": " ".join(["v1,QUJD"] * 17)},
    "very long": lambda h: h | {"webhook-signature": "v1," + "A" * 5000},
    "joined by a comma": lambda h: (
        h | {"webhook-signature": f"{h['webhook-signature']},{h['webhook-signature']}"}
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutated_signature_is_401(stranger: httpx.Client, shared: tuple[Tenant, str], mutation: str):
    """Each mutation of a good delivery is the same 401 as of an unknown connection, and notes nothing."""
    tenant, _ = shared
    body = event(call_ref=f"mutated-{mutation}")
    headers = MUTATIONS[mutation](headers_of(tenant, body))
    answer = stranger.post(tenant.webhook_url, content=body, headers=headers)
    expected = stranger.post(unknown(tenant), content=body, headers=headers)
    assert (answer.status_code, answer.content) == (401, expected.content)
    assert answer.headers["content-type"] == "application/problem+json"


def test_stale_future_and_foreign_deliveries_are_401(house: House, stranger: httpx.Client, tenant: Tenant):
    """Early, late, another account's secret, another body: each is the 401 of an unknown connection."""
    other, body = Tenant.open(house.admin), event(call_ref="c")
    http = stranger
    minutes = timedelta(minutes=6)
    for said, headers in (
        (body, headers_of(tenant, body, shift=-minutes)),
        (body, headers_of(tenant, body, shift=minutes)),
        (body, headers_of(other, body)),
        (body + b" ", headers_of(tenant, body)),
        (body, {}),
    ):
        known, strange = (
            http.post(url, content=said, headers=headers) for url in (tenant.webhook_url, unknown(tenant))
        )
        # Between the two a second may begin.
        same = [re.sub(rb"\d+ seconds", b"seconds", one.content) for one in (known, strange)]
        assert (known.status_code, same[0]) == (401, same[1])
    assert http.post(tenant.webhook_url, content=body, headers=headers_of(tenant, body)).status_code == 200
    assert http.post("/webhooks/nobody/conn_1", content=body).status_code == 404


def test_the_previous_secret_is_good_while_it_is_kept(house: House, stranger: httpx.Client, tenant: Tenant):
    """During a rotation both secrets sign; afterwards the old one is worthless immediately."""
    old, body = tenant.secret, event(call_ref="c")
    new = "whsec_" + "B" * 43 + "="
    path = tenant.url("/connections/main")
    said = {"provider": "platform", "credentials": {"secret": new}}
    house.admin.put(path, json=said | {"previous_credentials": {"secret": old}})
    assert tenant.hook("call.started", call_ref="c").status_code == 200
    house.admin.put(path, json=said)
    assert tenant.hook("call.started", call_ref="c").status_code == 401
    tenant.secret = new
    headers = headers_of(tenant, body)
    assert stranger.post(tenant.webhook_url, content=body, headers=headers).status_code == 200


REFUSED = {
    "no json": (b"{", "body"),
    "an array": (b"[]", "body"),
    "not utf-8": (b'{"type": "\xff"}', "body"),
    "empty": (b"", "body"),
    "twice the same key": (b'{"type": "a", "type": "b"}', "body"),
    "not a number": (b'{"type": "a", "x": NaN}', "body"),
    "too deep": (b'{"type":' + b"[" * 500 + b"]" * 500 + b"}", "body"),
    "no type": (b"{}", "type"),
    "type of a number": (b'{"type": 7}', "type"),
    "no data": (b'{"type": "call.started"}', "data"),
    "data of a list": (b'{"type": "call.started", "data": []}', "data"),
    "no call": (b'{"type": "call.started", "data": {}}', "data.call_ref"),
    "call of a number": (b'{"type": "call.started", "data": {"call_ref": 7}}', "data.call_ref"),
    "call with nul": (b'{"type": "call.started", "data": {"call_ref": "a\\u0000b"}}', "data.call_ref"),
    "lone surrogate": (b'{"type": "call.started", "data": {"call_ref": "\\ud800"}}', "data.call_ref"),
    "call too long": (
        b'{"type": "call.started", "data": {"call_ref": "' + b"a" * 201 + b'"}}',
        "data.call_ref",
    ),
    "direction": (
        b'{"type": "call.started", "data": {"call_ref": "c", "direction": "up"}}',
        "data.direction",
    ),
    "time": (
        b'{"type": "call.started", "data": {"call_ref": "c", "started_at": "today"}}',
        "data.started_at",
    ),
    "year 1": (
        b'{"type": "call.started", "data": {"call_ref": "c", "started_at": "0001-01-01T00:00:00+14:00"}}',
        "data.started_at",
    ),
    "no recording": (b'{"type": "recording.completed", "data": {"call_ref": "c"}}', "data.recording_ref"),
    "no url": (
        b'{"type": "recording.completed", "data": {"call_ref": "c", "recording_ref": "r"}}',
        "data.recording_url",
    ),
    "file url": (
        (
            b'{"type": "recording.completed", "data": {"call_ref": "c", "recording_ref": "r", '
            b'"recording_url": "file:///etc/passwd"}}'
        ),
        "data.recording_url",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_signed_event_that_means_nothing_is_422(
    stranger: httpx.Client, shared: tuple[Tenant, str], case: str
):
    """Well signed and malformed: 422 naming the field, never 500, and the answer repeats nothing."""
    (tenant, _), (body, field) = shared, REFUSED[case]
    answer = stranger.post(tenant.webhook_url, content=body, headers=headers_of(tenant, body))
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert "passwd" not in answer.text


def test_strange_names_of_people_do_not_stop_an_event(house: House, stranger: httpx.Client, tenant: Tenant):
    """Whatever stands in a caller id: the event is kept, and other fields and events are ignored."""
    for number, who in enumerate(
        ["\x00\x1b[31m", "anonymous", "\ud800", "a" * 9000, "\u202e'; DROP TABLE x; --", ""]
    ):
        body = event(call_ref=f"c-{number}", **{"from": who, "to": who, "agent": who, "more": {"x": [1]}})
        answer = stranger.post(tenant.webhook_url, content=body, headers=headers_of(tenant, body))
        assert (answer.status_code, answer.json()["status"]) == (200, "noted"), answer.text
    answer = tenant.hook("call.transferred", call_ref="c")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "call.started, call.ended, recording.completed" in answer.json()["detail"]
