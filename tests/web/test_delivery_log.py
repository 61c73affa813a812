"""The delivery log of a connection: each way in which its platform can be answered has an entry, and nothing else."""

import json
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.tenant import Tenant, moment
from tests.support.web_house import House
from vault import errors
from vault.services.ingest.delivery_log import SINGLY, DeliveryLog
from vault.services.ingest.receive_webhook import Webhooks
from vault.telephony.signatures.standard_webhooks import sign

URL = "https://media.example/secret-name.wav"
#: What is sent in every request below, and must be in no entry.
SENT = {"call_ref": "call-of-Zoe", "from": "+12025550143", "to": "+12025550187", "agent": "Agent Smith"}


def send(
    tenant: Tenant, body: bytes, *, shift: timedelta = timedelta(), secret: str | None = None, **more: str
) -> httpx.Response:
    """Send a body, signed unless told otherwise."""
    headers = sign(
        secret or tenant.secret,
        delivery_id=secrets.token_hex(8),
        sent_at=datetime.now(UTC) + shift,
        body=body,
    )
    return tenant.http.post(tenant.webhook_url, content=body, headers=headers | more)


def event(kind: str = "call.started", **data: Any) -> bytes:
    """Return an event of a call."""
    now = moment(datetime.now(UTC))
    return json.dumps({"type": kind, "timestamp": now, "data": SENT | data}).encode()


def announcement(**data: Any) -> bytes:
    """Return an event of a recording."""
    return event("recording.completed", **({"recording_ref": "rec-1", "recording_url": URL} | data))


def entries(house: House, tenant: Tenant, **asked: str) -> list[dict[str, Any]]:
    """Write what waits, and return the log, the newest first."""
    assert house.call(house.vault.ingest.deliveries.write)
    answer = tenant.http.get(tenant.url("/connections/main/deliveries"), params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


@dataclass(frozen=True)
class Way:
    """A way in which a request is answered: what is sent, the answer, and what the log says."""

    send: Callable[[Tenant], httpx.Response]
    status: int
    outcome: str
    reason: str | None
    event: str | None


def twice(send_one: Callable[[Tenant], httpx.Response]) -> Callable[[Tenant], httpx.Response]:
    """Send it twice; the second answer counts."""

    def send_two(tenant: Tenant) -> httpx.Response:
        send_one(tenant)
        return send_one(tenant)

    return send_two


def same(tenant: Tenant) -> httpx.Response:
    """Send the same facts under the same id."""
    return tenant.hook("call.started", delivery="d-1", call_ref=SENT["call_ref"])


def switched_off(tenant: Tenant) -> httpx.Response:
    """Announce while the recording switch is off."""
    tenant.switch(enabled=False)
    return send(tenant, announcement())


def erased(tenant: Tenant) -> httpx.Response:
    """Announce what was erased."""
    first = send(tenant, announcement()).json()["recording"]
    assert tenant.http.delete(tenant.url(f"/recordings/{first}")).status_code == 202
    return send(tenant, announcement())


def by_get(tenant: Tenant, path: str) -> httpx.Response:
    """Ask for call instructions without a signature."""
    return tenant.http.post(tenant.webhook_url + path, content=b"{}")


def signed_step(tenant: Tenant) -> httpx.Response:
    """Ask for call instructions at a platform that has none."""
    body = event()
    headers = sign(tenant.secret, delivery_id="d", sent_at=datetime.now(UTC), body=body)
    return tenant.http.post(f"{tenant.webhook_url}/call", content=body, headers=headers)


def too_large(tenant: Tenant) -> httpx.Response:
    """Declare a body over the limit."""
    return send(tenant, b"x" * 70_000)


def too_large_in_parts(tenant: Tenant) -> httpx.Response:
    """Send a body over the limit without saying its length."""
    return tenant.http.post(tenant.webhook_url, content=iter([b"x" * 40_000] * 2))


WAYS = {
    "a call": Way(lambda t: send(t, event()), 200, "noted", None, "call.started"),
    "the same facts": Way(twice(same), 200, "duplicate", None, "call.started"),
    "a recording": Way(lambda t: send(t, announcement()), 202, "accepted", None, "recording.completed"),
    "it again": Way(twice(lambda t: send(t, announcement())), 200, "duplicate", None, "recording.completed"),
    "switched off": Way(switched_off, 200, "refused", "switch_off", "recording.completed"),
    "erased": Way(erased, 200, "erased", None, "recording.completed"),
    "unknown event": Way(
        lambda t: send(t, event("recording.complete")), 200, "ignored", None, "recording.complete"
    ),
    "not a name": Way(lambda t: send(t, event("call +12025550143")), 200, "ignored", None, None),
    "other secret": Way(
        lambda t: send(t, event(), secret="whsec_" + "A" * 43 + "="), 401, "rejected", "signature", None
    ),
    "no headers": Way(
        lambda t: t.http.post(t.webhook_url, content=event()), 401, "rejected", "headers", None
    ),
    "clock": Way(lambda t: send(t, event(), shift=timedelta(hours=1)), 401, "rejected", "clock", None),
    "no JSON": Way(lambda t: send(t, b"{"), 422, "rejected", "not_valid", None),
    "wrong field": Way(
        lambda t: send(t, event(direction="up")), 422, "rejected", "not_valid", "call.started"
    ),
    "private address": Way(
        lambda t: send(t, announcement(recording_url="https://10.0.0.1/x")),
        422,
        "rejected",
        "not_valid",
        "recording.completed",
    ),
    "too large": Way(too_large, 413, "rejected", "too_large", None),
    "too large, in parts": Way(too_large_in_parts, 413, "rejected", "too_large", None),
    "instructions, unsigned": Way(lambda t: by_get(t, "/call"), 401, "rejected", "headers", None),
    "no instructions": Way(signed_step, 404, "rejected", "no_such_address", None),
}


@pytest.mark.parametrize("name", WAYS)
def test_each_answer_has_an_entry(house: House, tenant: Tenant, name: str):
    """With the status and sentence of the answer, and nothing of what was sent but the event."""
    way = WAYS[name]
    answer = way.send(tenant)
    assert answer.status_code == way.status
    newest, *others = entries(house, tenant)
    said = answer.json().get("detail")
    expected = {"status": way.status, "outcome": way.outcome, "reason": way.reason, "event": way.event}
    assert {key: newest[key] for key in expected} == expected
    assert newest["detail"] == said
    assert newest["requests"] == 1
    if way.outcome != "erased":
        assert newest["recording"] == answer.json().get("recording")
    shown = json.dumps([newest, *others])
    for text in (*SENT.values(), "media.example", "secret-name", "2025550143", "10.0.0.1"):
        assert text not in shown


#: Every kind of error that the services behind the route can raise, and the reason in the log.
ERRORS: dict[str, tuple[Exception, int, str]] = {
    "not_valid": (errors.Invalid("x", field="y"), 422, "not_valid"),
    "refused": (errors.Refused("x", reasons=("too_many_facts",)), 409, "too_many_facts"),
    "busy": (errors.Busy("x", retry_after=1), 409, "busy"),
    "gone": (errors.NotFound("x"), 404, "no_such_address"),
    "too_many": (errors.TooMany("x", retry_after=1), 429, "too_many"),
    "large": (errors.TooLarge("x"), 413, "too_large"),
    "unavailable": (errors.Unavailable("x"), 503, "unavailable"),
    "own key": (errors.OwnKeyUnusable("x"), 503, "unavailable"),
    "rotated": (errors.KeyRetired(), 503, "unavailable"),
    "standby": (errors.DatabaseUnfit.standby(), 503, "unavailable"),
    "fetch": (errors.FetchFailed("x"), 502, "internal"),
    "lease": (errors.LeaseLost("x"), 409, "not_valid"),
    "tampered": (errors.Tampered("x"), 500, "internal"),
    "bug": (RuntimeError("+12025550143"), 500, "internal"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_has_an_entry(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str):
    """Also one that the services do not know; its sentence stays inside."""
    error, status, reason = ERRORS[name]

    async def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Webhooks, "_process", fail)
    answer = send(tenant, event())
    (entry,) = entries(house, tenant)
    assert (answer.status_code, entry["status"], entry["reason"]) == (status, status, reason)
    assert entry["detail"] == (None if status == 500 else "x" if str(error) == "x" else str(error))
    assert "2025550143" not in json.dumps(entry)


def test_a_closed_account_is_an_entry(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """What is not stored for a closed account says why."""

    async def fail(*_: Any) -> Any:
        raise errors.AccountClosed

    monkeypatch.setattr(Webhooks, "_process", fail)
    assert send(tenant, announcement()).json() == {"status": "refused"}
    assert send(tenant, event()).json() == {"status": "ignored"}
    assert [(one["outcome"], one["reason"]) for one in entries(house, tenant)] == [
        ("ignored", "account_closed"),
        ("refused", "account_closed"),
    ]


def test_no_connection_has_the_entries_of_others(house: House, tenant: Tenant, stranger: httpx.Client):
    """Neither of an id that does not exist, nor of one under another provider's name; nor of no answer."""
    unknown = tenant.webhook_url.replace("conn_", "conn_0")[: len(tenant.webhook_url)]
    for url in (unknown, tenant.webhook_url.replace("/platform/", "/twilio/")):
        assert stranger.post(url, content=b"{}").status_code == 401
    assert (
        stranger.post(tenant.webhook_url.replace("/platform/", "/nobody/"), content=b"{}").status_code == 404
    )
    address = urlsplit(tenant.webhook_url)
    with socket.create_connection((address.hostname, address.port)) as raw:
        raw.sendall(f"POST {address.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
    assert send(tenant, event()).status_code == 200
    assert [one["status"] for one in entries(house, tenant)] == [200]
    assert not [
        one for one in house.vault.ingest.deliveries._waiting.values() if one.connection_id in unknown
    ]


def test_a_flood_writes_few_rows(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """SINGLY of a kind in a minute have an entry, the others one together, which counts them; then a minute begins."""
    now = datetime.now(UTC)
    monkeypatch.setattr(DeliveryLog, "clock", lambda _: now, raising=False)
    for _ in range(SINGLY + 7):
        tenant.http.post(tenant.webhook_url, content=b"{}")
    found = entries(house, tenant, limit="200")
    assert [one["requests"] for one in found].count(1) == SINGLY
    assert max(one["requests"] for one in found) == 7
    for _ in range(5):
        tenant.http.post(tenant.webhook_url, content=b"{}")
    assert send(tenant, event()).status_code == 200
    again = entries(house, tenant, limit="200")
    assert len(again) == len(found) + 1
    assert max(one["requests"] for one in again) == 12


def test_it_is_filtered_and_paged(house: House, tenant: Tenant):
    """By outcome and time; a page continues the one before."""
    for number in range(3):
        assert send(tenant, event(call_ref=f"c{number}")).status_code == 200
    begun = moment(datetime.now(UTC) + timedelta(milliseconds=1))
    assert send(tenant, b"{").status_code == 422
    assert [one["outcome"] for one in entries(house, tenant, outcome="rejected")] == ["rejected"]
    assert [one["outcome"] for one in entries(house, tenant, **{"from": begun})] == ["rejected"]
    assert [one["outcome"] for one in entries(house, tenant, to=begun)] == ["noted"] * 3
    path, seen, cursor = tenant.url("/connections/main/deliveries"), [], {}
    while True:
        page = tenant.http.get(path, params={"limit": "1", **cursor}).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [one["id"] for one in entries(house, tenant)]
    assert len(set(seen)) == 4
    assert tenant.http.get(path, params={"outcome": "fine"}).status_code == 422
    assert tenant.http.get(tenant.url("/connections/other/deliveries")).status_code == 404


def test_an_erased_recording_is_named_no_longer(house: House, tenant: Tenant):
    """Also by an entry that is written after the erasure; the entries stay, without it."""
    first = send(tenant, announcement()).json()["recording"]
    assert entries(house, tenant)[0]["recording"] == first
    assert send(tenant, announcement()).json()["status"] == "duplicate"
    assert tenant.http.delete(tenant.url(f"/recordings/{first}")).status_code == 202
    assert [one["recording"] for one in entries(house, tenant)] == [None, None]


def test_a_deleted_connection_leaves_nothing(house: House, tenant: Tenant):
    """One of the same name begins anew."""
    assert send(tenant, event()).status_code == 200
    assert len(entries(house, tenant)) == 1
    assert tenant.http.delete(tenant.url("/connections/main")).status_code == 204
    said = {"provider": "platform", "credentials": {"secret": tenant.secret}}
    assert tenant.http.put(tenant.url("/connections/main"), json=said).status_code == 200
    assert entries(house, tenant) == []
