"""The pages of invited people: each form, once."""

import html
import re

from tests.support.tenant import Tenant
from tests.support.web_house import House

_SAME = {"sec-fetch-site": "same-origin"}


def test_a_person_is_invited_changed_and_given_another_address(house: House):
    """The address is shown once; the page has what was entered; a revoked address is gone."""
    tenant = Tenant.open(house.admin)
    http = house.client(_SAME)
    assert http.post("/console/sign-in", data={"key": house.key}).status_code == 303
    home = f"/console/accounts/{tenant.name}"
    form = {
        "nonce": "n1",
        "title": "Ada <b>",
        "email": "ada@acme.example",
        "roles": "listener",
        "agents": "Kim\nRob",
    }
    made = http.post(f"{home}/access/members", data=form)
    assert made.status_code == 200, made.text
    address = re.findall(r"http://localhost:\d+/console/invitation/[\w-]{43}", made.text)
    assert len(address) == 1
    assert http.post(f"{home}/access/members", data=form).text.count(address[0]) == 1
    (member,) = house.admin.get(tenant.url("/members")).json()["items"]
    page = f"{home}/access/members/{member['id']}"
    shown = http.get(page).text
    assert address[0] not in shown
    assert [
        word for word in ("Ada <b>", "ada@acme.example", "Kim\nRob") if word not in html.unescape(shown)
    ] == []
    assert "Ada <b>" in html.unescape(http.get(f"{home}/access").text)
    wrong = http.post(page, data=form | {"nonce": "n2", "roles": "admin"})
    assert wrong.status_code == 422
    done = http.post(page, data={"nonce": "n3", "title": "Ada", "roles": ["auditor", "admin"]})
    assert done.status_code == 303, done.text
    again = http.post(f"{page}/invitations", data={"nonce": "n4"})
    assert re.findall(r"/console/invitation/[\w-]{43}", again.text)
    after = house.admin.get(tenant.url(f"/members/{member['id']}")).json()
    assert (after["name"], after["roles"], after.get("email")) == ("Ada", ["admin", "auditor"], None)
    gone = http.post(f"{page}/invitations/{after['invitation']['id']}/revocation", data={"nonce": "n5"})
    assert gone.status_code == 303, gone.text
    assert "invitation" not in house.admin.get(tenant.url(f"/members/{member['id']}")).json() or (
        house.admin.get(tenant.url(f"/members/{member['id']}")).json()["invitation"] is None
    )
    assert house.client().get(f"/console/invitation/{address[0][-43:]}").status_code == 404
