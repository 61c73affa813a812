"""The limits of an account over HTTP: who sets them, what is refused, and what never is."""

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House, open_house
from vault.domain.accounts.limits import BURST_SECONDS
from vault.errors import TooMany

NUMBERS = {
    "direction": "inbound",
    "caller": "+493012345678",
    "callee": "+493099999999",
    "started_at": "2026-11-01T10:00:00Z",
}
SETTINGS = {
    "VAULT_ACCOUNT_LIMITS": "requests_per_second=50,bytes_in_flight=1000,queue=10",
    "VAULT_ACCOUNT_LIMITS_MAX": "requests_per_second=100,bytes_in_flight=2000,queue=20",
}
DEFAULT = {"requests_per_second": 50, "bytes_in_flight": 1000, "queue": 10}
CEILING = {"requests_per_second": 100, "bytes_in_flight": 2000, "queue": 20}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A vault with limits, on which time stands still for them: nothing flows into a bucket."""
    with open_house(tmp_path_factory.mktemp("w"), **SETTINGS) as house:
        house.vault.accounts.limits.limiter.now = lambda: 0.0
        yield house


@pytest.fixture
def account(limited: House) -> Tenant:
    """An account of its own."""
    return Tenant.open(limited.admin)


def exhaust(house: House, tenant: Tenant) -> None:
    """Use up an account's burst."""

    async def take() -> None:
        with suppress(TooMany):
            for _ in range(DEFAULT["requests_per_second"] * BURST_SECONDS + 1):
                house.vault.accounts.limits.limiter.take_request(tenant.id)

    house.call(take)


def refused(answer: httpx.Response, limit: str) -> None:
    """Check that an answer names the limit, says when to come back, and what an admin can do."""
    assert answer.status_code == 429, answer.text
    problem = answer.json()
    assert (problem["status"], problem["title"], problem["limit"]) == (429, "Too many requests", limit)
    assert "/v1/accounts/{account}/limits" in problem["detail"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_admin_sets_limits_up_to_the_operators_ceiling(limited: House, account: Tenant) -> None:
    """What is not sent is the default again; above the ceiling nothing changes."""
    url = account.url("/limits")
    none = dict.fromkeys(DEFAULT)
    assert limited.admin.get(url).json() == {"limits": DEFAULT, "own": none, "ceiling": CEILING}
    set_ = limited.admin.put(url, json={"queue": 20, "bytes_in_flight": None})
    assert set_.json() == {"limits": DEFAULT | {"queue": 20}, "own": none | {"queue": 20}, "ceiling": CEILING}
    high = limited.admin.put(url, json={"requests_per_second": 101})
    assert (high.status_code, high.json()["field"]) == (422, "requests_per_second")
    for value in (0, -1, 1.5, "7", True, 10**30):
        assert limited.admin.put(url, json={"queue": value}).status_code == 422
    assert limited.admin.get(url).json() == set_.json()
    assert limited.admin.put(url, json={}).json()["own"] == none
    events = limited.admin.get(account.url("/access-events")).json()["items"]
    assert [event["type"] for event in events].count("account.changed") == 2


def test_a_key_without_the_scope_or_of_another_account_sets_nothing(limited: House, account: Tenant) -> None:
    """Limits are settings of the account."""
    other = Tenant.open(limited.admin)
    for key, status in (
        (limited.key_for(account.name, "recordings:read"), 403),
        (limited.key_for(other.name, "settings:write"), 404),
    ):
        answer = limited.client(key).put(account.url("/limits"), json={"queue": 1})
        assert answer.status_code == status


def test_over_the_rate_reads_uploads_links_and_recordings_are_refused(
    limited: House, account: Tenant
) -> None:
    """Nothing of them is stored, and another account is not concerned."""
    recording = account.uploaded(AUDIO)
    exhaust(limited, account)
    admin = limited.admin
    link = account.url(f"/recordings/{recording}/links")
    for answer in (
        admin.get(account.url("/recordings")),
        admin.get(account.url("/access-events")),
        account.put(AUDIO, call="c-2", ref="r-2"),
        admin.post(link, json={"listener": "agent-7"}),
        account.announce("https://media.example/a.wav", call="c-3", ref="r-3"),
    ):
        refused(answer, "requests_per_second")
    other = Tenant.open(admin)
    assert admin.get(other.url("/recordings")).status_code == 200
    limited.vault.accounts.limits.limiter.now = lambda: 1000.0
    listed = admin.get(account.url("/recordings")).json()["items"]
    assert [item["id"] for item in listed] == [recording]
    limited.vault.accounts.limits.limiter.now = lambda: 0.0


def test_what_closes_is_never_refused(limited: House, account: Tenant) -> None:
    """Switch, objection, revocation, erasure, restriction and consent, and the answer to a call start."""
    admin, recording = limited.admin, account.uploaded(AUDIO)
    other = account.uploaded(AUDIO, call="c-2", ref="r-2")
    link = account.link(recording)
    exhaust(limited, account)
    refused(admin.get(account.url("/recordings")), "requests_per_second")
    objection = admin.put(account.url("/objections/+493011111111"), json={})
    assert objection.status_code == 201, objection.text
    started = admin.put(account.url("/calls/c-9"), json=NUMBERS)
    assert started.status_code == 200, started.text
    there = account.url(f"/recordings/{recording}")
    assert admin.delete(f"{there}/links/{link['id']}").status_code == 204
    assert admin.post(account.url("/links/revocation"), json={"listener": "agent-7"}).status_code == 200
    assert admin.put(f"{there}/restriction", json={}).status_code == 200
    assert admin.delete(there).status_code == 202
    assert admin.put(account.url("/recording-switch"), json={"enabled": False}).status_code == 200
    assert account.hook("call.started", call_ref="c-10").status_code == 200
    assert admin.put(account.url("/calls/c-11"), json=NUMBERS).json()["decision"]["record"] is False
    assert admin.delete(account.url(f"/recordings/{other}")).status_code == 202


def test_a_full_queue_refuses_new_recordings_before_anything_is_stored(
    limited: House, account: Tenant
) -> None:
    """An account's own queue is a 429 that is sent again; the whole one a 503; a call start passes both."""
    limiter = limited.vault.accounts.limits.limiter

    async def fill(total: int) -> None:
        for _ in range(DEFAULT["queue"]):
            limiter.check_queue(account.id)
        limiter.max_queue = total

    limited.call(fill, 10**6)
    refused(account.announce("https://media.example/a.wav", call="c-1", ref="r-1"), "queue")
    refused(account.put(AUDIO), "queue")
    limited.call(limiter.refresh)
    try:
        limiter.max_queue = 0
        for answer in (
            account.announce("https://media.example/a.wav", call="c-1", ref="r-1"),
            account.put(AUDIO),
        ):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 1
        assert limited.admin.put(account.url("/calls/c-9"), json=NUMBERS).status_code == 200
        assert account.switch(enabled=False)["enabled"] is False
    finally:
        limiter.max_queue = 10**6
    assert limited.admin.get(account.url("/recordings")).json()["items"] == []


def test_a_second_upload_over_the_bytes_in_flight_waits_for_the_first(
    limited: House, account: Tenant
) -> None:
    """The first may have any size."""
    limiter = limited.vault.accounts.limits.limiter
    in_flight = limiter.upload(account.id, 10**6)
    in_flight.__enter__()
    refused(account.put(AUDIO), "bytes_in_flight")
    in_flight.__exit__(None, None, None)
    assert account.put(AUDIO).status_code == 201


def test_an_answer_says_how_many_requests_are_left(limited: House, account: Tenant) -> None:
    """In the words of the draft of the IETF: a quota of ten seconds, what is left of it, and when it is full again."""
    quota = DEFAULT["requests_per_second"] * BURST_SECONDS
    answers = [account.http.get(account.url("/recordings")) for _ in range(2)]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == [f'"requests";q={quota};w=10'] * 2
    assert [answer.headers["RateLimit"] for answer in answers] == [
        f'"requests";r={quota - 1};t=1',
        f'"requests";r={quota - 2};t=1',
    ]
    exhaust(limited, account)
    answer = account.http.get(account.url("/recordings"))
    assert (answer.status_code, answer.headers["RateLimit"]) == (429, '"requests";r=0;t=10')
    # What is not counted says nothing, and what belongs to another account neither.
    other = limited.client(limited.key_for(Tenant.open(limited.admin).name, "recordings:read"))
    for door in (limited.client().get("/healthz"), other.get(account.url("/recordings"))):
        assert not [name for name in door.headers if name.startswith("ratelimit")]
