"""What is wrong with a form is shown by its page, to whom may read it; a form without such a page does not start."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Response

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.console.here import Here, Page, acts, needs

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
