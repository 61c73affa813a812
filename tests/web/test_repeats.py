"""Idempotency-Key: the same request again gets the same answer, and nothing happens twice."""

import threading

import httpx

from tests.support.tenant import Tenant
from tests.support.web_house import House


def test_the_same_request_gets_the_same_answer(house: House, shared: tuple[Tenant, str]):
    """One link, one URL, one event, however often it is asked for; an error is not kept."""
    tenant, recording = shared
    path = tenant.url(f"/recordings/{recording}/links")
    key, before = {"Idempotency-Key": "the same"}, tenant.types(recording).count("link.created")
    answers = [house.admin.post(path, json={"listener": "K"}, headers=key) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert tenant.types(recording).count("link.created") == before + 1
    assert house.admin.post(path, json={"listener": "K"}).json()["id"] != answers[0].json()["id"]
    wrong = {"Idempotency-Key": "first wrong"}
    assert house.admin.post(path, json={"listener": "K", "networks": ["x"]}, headers=wrong).status_code == 422
    assert house.admin.post(path, json={"listener": "K"}, headers=wrong).status_code == 201


def test_the_same_key_with_another_request_is_422(house: House, shared: tuple[Tenant, str]):
    """Another body or path under the same key is a mistake; another API key is another caller."""
    tenant, recording = shared
    path = tenant.url(f"/recordings/{recording}/links")
    key = {"Idempotency-Key": "one key"}
    first = house.admin.post(path, json={"listener": "K"}, headers=key)
    for answer in (
        house.admin.post(path, json={"listener": "L"}, headers=key),
        house.admin.post("/v1/keys", json={"name": "n", "scopes": ["ingest"]}, headers=key),
    ):
        assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    other = house.client(house.key_for(tenant.name, "links:write"))
    again = other.post(path, json={"listener": "K"}, headers=key)
    assert (again.status_code, again.json()["id"] == first.json()["id"]) == (201, False)
    for empty in ("", "k" * 256):
        assert (
            house.admin.post(path, json={"listener": "K"}, headers={"Idempotency-Key": empty}).status_code
            == 422
        )


def test_many_at_once_make_one(house: House, shared: tuple[Tenant, str]):
    """Sixteen clients with one key: each hears the one answer or is told to wait, and one link is made."""
    tenant, recording = shared
    path = tenant.url(f"/recordings/{recording}/links")
    before, answers = tenant.types(recording).count("link.created"), []

    def ask() -> None:
        with httpx.Client(base_url=house.url, headers=house.admin.headers, timeout=30) as client:
            said, key = {"listener": "K"}, {"Idempotency-Key": "rush"}
            answers.extend(client.post(path, json=said, headers=key) for _ in range(4))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert all(int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 409)
    assert tenant.types(recording).count("link.created") == before + 1
