"""What is wrong with a form is shown by its page, to whom may read it; a form without such a page does not start.

Each page and form asks for its scope, and another account's name is no page.
"""

from typing import Annotated

import pytest
from fastapi import APIRouter, Response
from fastapi.routing import APIRoute

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.doors import DOORS, NOBODY, OTHERS, PREFIX
from vault.domain.accounts.account import SCOPES
from vault.web.console.acts import Page, acts
from vault.web.console.here import Here, needs
from vault.web.console.routers import ROUTERS

Auditing = Annotated[Here, needs("audit:read")]


async def show_nobody(here: Here) -> Response:
    """A page that says no scope."""
    raise AssertionError(here)


async def show_link(here: Auditing, link: str) -> Response:
    """A page of a link."""
    raise AssertionError(here, link)


async def show_list(here: Auditing, made: str | None = None) -> Response:
    """A page that needs nothing of the path."""
    raise AssertionError(here, made)


async def _act(here: Auditing, recording: str) -> str:
    raise AssertionError(here, recording)


@pytest.mark.parametrize(
    ("again", "why"),
    [(show_nobody, r"Annotated\[Here, needs\("), (show_link, r"show_link needs \['link'\]")],
    ids=["no scope", "not in the path"],
)
def test_a_page_that_cannot_be_shown_again_stops_the_import(again: Page, why: str):
    """The scope of the page is in the type of its first parameter, and all others are of the form's path."""
    with pytest.raises(TypeError, match=why):
        acts(APIRouter(), "/recordings/{recording}", again=again)(_act)


def test_a_form_is_a_route_of_its_path():
    """With a page that can be shown, and without one."""
    router = APIRouter()
    acts(router, "/recordings/{recording}", again=show_list)(_act)
    acts(router, "/recordings/{recording}/hold", again=None)(_act)
    assert [route.path for route in router.routes] == [  # type: ignore[attr-defined]
        "/recordings/{recording}",
        "/recordings/{recording}/hold",
    ]


@pytest.mark.parametrize("path", ["/requests", "/registers/recipients", "/request-callback/deletion"])
def test_who_may_not_read_the_page_of_a_form_does_not_see_it(house: House, path: str):
    """A mistake in a form that one may send: its page if one may read it, else a page of the mistake alone."""
    tenant = Tenant.open(house.admin)
    url = f"/console/accounts/{tenant.name}{path}"
    writer = sign_in(house, tenant.name, "privacy:write").post(url, data={"nonce": "1"})
    reader = sign_in(house, tenant.name, "privacy:write", "audit:read").post(url, data={"nonce": "2"})
    assert (writer.status_code, reader.status_code) == (422, 422)
    assert "Something in the form is not right" in writer.text
    assert 'class="tabs"' not in writer.text
    assert 'class="tabs"' in reader.text


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
    """Neither a page nor a form does anything; both are shown again after the sign-in."""
    client = house.client({"Sec-Fetch-Site": "same-origin"})
    for door in DOORS:
        answer = send(client, tenant.name, door)
        if door[0] == "POST":
            assert answer.status_code == 401, door
            assert "Nothing was done." in answer.text, door
        else:
            assert answer.status_code == 303, door
            assert answer.headers["location"].startswith("/console/sign-in?next="), door


def test_a_form_comes_back_at_every_door(house: House, tenant: Tenant):
    """Whoever typed it is shown its page; where that is absent, it is absent as at any time. Nothing is run."""
    client = sign_in(house, tenant.name)
    for door in DOORS:
        if door[0] == "POST":
            answer = client.post(
                PREFIX.format(account=tenant.name) + door[1].format(**NOBODY), data={"sealed_form": "x"}
            )
            assert answer.status_code == 422, door
            assert "The form cannot come back" in answer.text, door
