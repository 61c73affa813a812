"""Waiting for events over HTTP: a call ends with its client, its key and its process, not with its time alone."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house
from vault.services.events.poll_events import EventsWanted
from vault.services.events.wait_for_events import OF_ACCOUNT
from vault.web.schemas.events import PollQuery

_WAIT = {"wait": "20"}


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call wait for a day, so that only its end ends it."""
    wanted = PollQuery.wanted

    def endlessly(query: PollQuery) -> EventsWanted:
        return replace(wanted(query), wait=timedelta(days=1))

    monkeypatch.setattr(PollQuery, "wanted", endlessly)


@pytest.fixture
def several() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that wait."""
    with ThreadPoolExecutor(OF_ACCOUNT + 1) as pool:
        yield pool


def until_waiting(house: House, tenant: Tenant, number: int) -> None:
    """Return as soon as so many calls of an account wait."""
    waiting = house.vault.events.poll.waits._waiting
    while sum(one.subject == tenant.id for one in list(waiting.waiters)) != number:
        threading.Event().wait(0.01)


def test_an_event_ends_the_wait(house: House, several: ThreadPoolExecutor):
    """The worker publishes it, and the answer has it; with the number the next call goes on."""
    tenant = Tenant.open(house.admin)
    assert house.admin.get(tenant.url("/events")).json() == {"items": [], "next": None, "has_more": False}
    asked = several.submit(house.admin.get, tenant.url("/events"), params=_WAIT)
    until_waiting(house, tenant, 1)
    tenant.switch(enabled=False)
    answer = asked.result().json()
    (event,) = answer["items"]
    assert (event["type"], event["data"]) == ("switch.changed", {"account": tenant.id, "switch": "off"})
    assert answer["next"] == event["sequence"]
    again = house.admin.get(tenant.url("/events"), params={"after": answer["next"]})
    assert again.json() == {"items": [], "next": answer["next"], "has_more": False}
    wrong = house.admin.get(tenant.url("/events"), params={"after": answer["next"] + 1})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "after")


@pytest.mark.usefixtures("endless")
def test_a_client_that_goes_waits_no_more(house: House, several: ThreadPoolExecutor):
    """Its place is free again. One too many is told when to come again."""
    tenant = Tenant.open(house.admin)
    clients = [house.client(dict(house.admin.headers)) for _ in range(OF_ACCOUNT)]
    for client in clients:
        several.submit(client.get, tenant.url("/events"), params=_WAIT)
    until_waiting(house, tenant, OF_ACCOUNT)
    refused = house.admin.get(tenant.url("/events"), params=_WAIT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "20")
    for client in clients:
        client.close()
    until_waiting(house, tenant, 0)
    assert not house.vault.events.poll.waits._waiting.places[tenant.id]


def test_a_key_that_is_revoked_gets_nothing(house: House, several: ThreadPoolExecutor):
    """Not even what came while it waited."""
    tenant = Tenant.open(house.admin)
    said = {"name": "reader", "scopes": ["audit:read"], "account": tenant.name}
    made = house.admin.post("/v1/keys", json=said).json()
    reader = house.client({"Authorization": f"Bearer {made['key']}"})
    asked = several.submit(reader.get, tenant.url("/events"), params=_WAIT)
    until_waiting(house, tenant, 1)
    assert house.admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    tenant.switch(enabled=False)
    assert asked.result().status_code == 401


@pytest.mark.usefixtures("endless")
def test_a_process_that_stops_waits_no_more(tmp_path: Path, several: ThreadPoolExecutor):
    """It answers with what there is."""
    with open_house(tmp_path) as house:
        tenant = Tenant.open(house.admin)
        asked = several.submit(house.admin.get, tenant.url("/events"), params=_WAIT)
        until_waiting(house, tenant, 1)
        house.loop.call_soon_threadsafe(house.app.state.readiness.stopping.set)
        answer: httpx.Response = asked.result()
        assert (answer.status_code, answer.json()["items"]) == (200, [])
