"""Who may do what: keys, scopes, and the walls between accounts."""

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.support.seen_answer import seen
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from tests.web.doors import DOORS, NAMES, NOBODY, OTHERS, PREFIX
from vault.domain.accounts.account import SCOPES

pytestmark = pytest.mark.faults


def routes(app: object) -> set[tuple[str, str]]:
    """Return method and path of every door, through routers that are included."""
    found, waiting = set(), list(app.routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods}
        else:
            waiting += getattr(route, "routes", None) or getattr(
                getattr(route, "original_router", None), "routes", []
            )
    return found


def test_every_door_is_in_the_matrix(house: House):
    """A new door that names something must be added here, so that its walls are tested."""
    described = {
        (method.upper(), path) for path, methods in house.app.openapi()["paths"].items() for method in methods
    }
    found = routes(house.app) | described
    assert len(found) > 20
    # The pages of the console have a matrix of their own: tests/web/console/doors.py.
    named = {(method, path) for method, path in found if "{" in path and not path.startswith("/console/")}
    assert named == {(method, PREFIX + path) for method, path in DOORS} | OTHERS


def send(client: httpx.Client, account: str, door: tuple[str, str], **names: str) -> httpx.Response:
    """Knock at a door."""
    method, path = door
    filled = path.format(**(NAMES | NOBODY | names))
    body = DOORS[door][1]
    more = {"json": body} if body is not None else {"content": AUDIO} if method == "PUT" else {}
    return client.request(method, f"/v1/accounts/{account}{filled}", **more)


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_another_accounts_door_looks_like_no_door(
    house: House, shared: tuple[Tenant, str], door: tuple[str, str]
):
    """With a key for one account, another's name and nobody's name give the same 404, to the last header."""
    theirs, recording = shared
    mine = Tenant.open(house.admin)
    client = house.client(house.key_for(mine.name, "*"))
    link = theirs.link(recording)["id"]
    names = {"recording": recording, "link": link}
    answers = [
        send(client, theirs.name, door, **names),
        send(client, theirs.id, door, **names),
        send(client, "nobody", door, **names),
    ]
    assert {seen(answer) for answer in answers} == {seen(answers[-1])}
    assert answers[-1].status_code == 404
    if "{recording}" in door[1]:
        # The right account, but another's ids: as unknown as those that nobody has.
        foreign, unknown = send(client, mine.name, door, **names), send(client, mine.name, door)
        assert (foreign.status_code, seen(foreign)) == (404, seen(unknown))
    assert theirs.get(recording)["state"] == "available"


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_a_door_asks_for_its_scope(house: House, shared: tuple[Tenant, str], door: tuple[str, str]):
    """Every other scope is 403; without a key, or with a bad one, it is 401."""
    tenant, recording = shared
    scope = DOORS[door][0]
    others = [s for s in SCOPES if s not in {scope, "*"}]
    answer = send(house.client(house.key_for(tenant.name, *others)), tenant.name, door, recording=recording)
    assert answer.status_code == 403, answer.text
    for headers in ({}, {"Authorization": "Bearer cv_x"}):
        answer = send(house.client(headers), tenant.name, door, recording=recording)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="callvault"')


def test_keys_that_are_none_are_401(house: House, stranger: httpx.Client, shared: tuple[Tenant, str]):
    """Malformed, cut, foreign, repeated and revoked keys: one 401 for all of them."""
    tenant, _ = shared
    good = house.key_for(None, "*")["Authorization"]
    cases = [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic " + good[7:].encode(),
        good[:-1].encode(),
        good.encode() + b"x",
        good.replace("cv_", "cv_0").encode(),
        b"Bearer cv__",
        b"Bearer cv_\xff\xfe_x",
        b"Bearer " + b"c" * 5000,
        b"Bearer cv_" + b"0" * 32 + b"_" + good.rpartition("_")[2].encode(),
        b"Bearer key_1",
        b"\x00",
    ]
    for case in cases:
        try:
            answer = stranger.get(tenant.url(), headers={"Authorization": case})
        except httpx.LocalProtocolError:
            continue
        assert answer.status_code in (400, 401), case
    assert stranger.get(tenant.url(), headers={"Authorization": good}).status_code == 200
    # By its id: the list has pages, and the other tests of this file make hundreds of keys.
    made = f"key_{good.split('_')[1]}"
    assert house.admin.delete(f"/v1/keys/{made}").status_code == 204
    assert stranger.get(tenant.url(), headers={"Authorization": good}).status_code == 401
    assert house.admin.delete(f"/v1/keys/{made}").status_code == 204


def test_a_key_gives_no_more_than_it_has(house: House, shared: tuple[Tenant, str]):
    """A key for one account makes, sees and revokes keys of that account alone, with scopes that it has."""
    tenant, _ = shared
    other = Tenant.open(house.admin)
    client = house.client(house.key_for(tenant.name, "keys:write", "recordings:read"))
    assert client.post("/v1/keys", json={"name": "n", "scopes": ["ingest"]}).status_code == 403
    assert client.post("/v1/keys", json={"name": "n", "scopes": ["*"]}).status_code == 403
    assert (
        client.post(
            "/v1/keys", json={"name": "n", "scopes": ["recordings:read"], "account": other.name}
        ).status_code
        == 404
    )
    assert house.admin.post("/v1/keys", json={"name": "n", "scopes": ["nothing"]}).status_code == 422
    made = client.post("/v1/keys", json={"name": "n", "scopes": ["recordings:read"]})
    assert made.status_code == 201
    bound = house.client({"Authorization": f"Bearer {made.json()['key']}"})
    assert bound.get(other.url()).status_code == 404
    assert bound.get(tenant.url()).status_code == 200
    assert {key["account_id"] for key in client.get("/v1/keys").json()["items"]} == {tenant.id}
    foreign = next(k for k in house.admin.get("/v1/keys").json()["items"] if k.get("account_id") != tenant.id)
    unknown = client.delete("/v1/keys/key_0")
    assert (client.delete(f"/v1/keys/{foreign['id']}").content, unknown.status_code) == (unknown.content, 404)
    everything = house.client(house.key_for(tenant.name, "*"))
    assert everything.put("/v1/accounts/brand-new", json={}).status_code == 404
    assert house.admin.get("/v1/accounts/brand-new").status_code == 404


def test_a_session_does_not_open_another(house: House, shared: tuple[Tenant, str]):
    """A cookie is worth something for its own session alone."""
    tenant, recording = shared
    first, second = house.client(), house.client()
    one = open_link(first, tenant.link(recording)["url"])
    two = open_link(second, tenant.link(recording)["url"])
    name, value = one.headers["set-cookie"].partition(";")[0].split("=", 1)
    other = two.headers["location"]
    for cookie in (f"{name}={value}", f"{other.removeprefix('/s/')}={value}", "x"):
        assert house.client().get(f"{other}/audio", headers={"Cookie": cookie}).status_code == 404
    assert (
        house.client().get(f"{one.headers['location']}/audio", headers={"Cookie": f"{name}={value}"}).content
        == AUDIO
    )
