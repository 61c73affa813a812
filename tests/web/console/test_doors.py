"""Each page and form asks for its scope, and another account's name is no page."""

import pytest
from fastapi.routing import APIRoute

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.doors import DOORS, NOBODY, OTHERS, PREFIX
from vault.domain.accounts.account import SCOPES
from vault.web.console.routers import ROUTERS


def send(client, account: str, door: tuple[str, str]):
    """Knock at a door."""
    method, path = door
    form = DOORS[door][1]
    url = PREFIX.format(account=account) + path.format(**NOBODY)
    sent = None if form is None else {name: value.format(account=account) for name, value in form.items()}
    return client.request(
        method, url, data={"nonce": f"{method}{path}"} | (sent or {}) if method == "POST" else None
    )


def test_every_route_has_its_line():
    """A new route without a line in ``doors.py`` fails here."""
    routes = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes == OTHERS | {(method, PREFIX + path) for method, path in DOORS}


@pytest.fixture(scope="module")
def tenant(house: House) -> Tenant:
    """An account for all doors."""
    return Tenant.open(house.admin)


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != "*"])
def test_a_scope_opens_its_doors_and_no_other(house: House, tenant: Tenant, scope: str):
    """A session of a key with one scope: 403 that names the scope at every other door, and never at its own."""
    client = sign_in(house, tenant.name, scope)
    for door, (needed, _) in DOORS.items():
        answer = send(client, tenant.name, door)
        if needed == scope:
            assert answer.status_code != 403, door
        else:
            assert answer.status_code == 403, door
            assert needed in answer.text, door


def test_another_account_is_no_page(house: House, tenant: Tenant):
    """Its name and its id give the 404 page that an unknown name gives."""
    client = sign_in(house, Tenant.open(house.admin).name)
    for door in DOORS:
        answers = [send(client, name, door) for name in (tenant.name, tenant.id, "nobody")]
        assert {answer.status_code for answer in answers} == {404}, door
        assert len({answer.text for answer in answers}) == 1, door


def test_without_a_session_every_door_leads_to_the_sign_in(house: House, tenant: Tenant):
    """Neither a page nor a form does anything; a page is shown again after the sign-in."""
    client = house.client({"Sec-Fetch-Site": "same-origin"})
    for door in DOORS:
        answer = send(client, tenant.name, door)
        assert answer.status_code == 303, door
        assert answer.headers["location"].startswith("/console/sign-in"), door
        assert ("next=" in answer.headers["location"]) is (door[0] == "GET"), door
