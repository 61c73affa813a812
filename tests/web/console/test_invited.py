"""The pages of invited people: each form, once."""

import html
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.support.console import OWN, nonce_of
from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.domain.base64url import decode_base64url
from vault.domain.sign_in.refusals import SignInRefused
from vault.services.sign_in.passkeys import Passkeys


def test_a_person_is_invited_changed_and_given_another_address(house: House):
    """The address is shown once; the page has what was entered; a revoked address is gone."""
    tenant = Tenant.open(house.admin)
    http = house.client(OWN)
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


def address_of(house: House, tenant: Tenant) -> tuple[str, str]:
    """Invite somebody; return the person's path in REST, and the path of the address."""
    made = house.admin.post(tenant.url("/members"), json={"name": "Ada", "roles": ["auditor"]}).json()
    path = made["invitation"]["address"].partition("/console")[2]
    return tenant.url(f"/members/{made['member']['id']}"), f"/console{path}"


def answer_of(http: httpx.Client, path: str, origin: str) -> str:
    """Return what a new device answers at the address of an invitation."""
    challenge = http.post(f"{path}/options").json()["challenge"]
    return SoftwareAuthenticator(origin=origin).make(decode_base64url(challenge))


def test_the_page_of_an_address_says_who_invites_to_what(house: House):
    """The name of a person and of the company; never that of a key, which is a thing of the account."""
    tenant = Tenant.open(house.admin)
    changed = house.admin.put(f"/v1/accounts/{tenant.name}", json={"name": "Acme <b>", "locale": "en"})
    assert changed.status_code == 200, changed.text
    _, path = address_of(house, tenant)
    page = html.unescape(house.client().get(path).text)
    assert "Ada, you are invited to the call recordings of Acme <b>." in page
    assert "key_" not in page
    member, path = address_of(house, tenant)
    roles = house.admin.patch(member, json={"roles": ["admin"]})
    assert roles.status_code == 200, roles.text
    path = house.admin.post(f"{member}/invitations").json()["address"].partition("/console")[2]
    ada = house.client(OWN)
    origin = house.vault.sign_in.passkeys.proofs.site.origin
    signed_in = ada.post(f"/console{path}", data={"answer": answer_of(ada, f"/console{path}", origin)})
    assert signed_in.status_code == 303, signed_in.text
    form = {"nonce": nonce_of(ada.get(f"/console/accounts/{tenant.name}/access/invitation"))}
    form |= {"title": "Kim", "roles": "auditor"}
    made = ada.post(f"/console/accounts/{tenant.name}/access/members", data=form)
    (kims,) = re.findall(r"/console/invitation/[\w-]{43}", made.text)
    shown = html.unescape(house.client().get(kims).text)
    assert "Kim, Ada invites you to the call recordings of Acme <b>." in shown
    # Ada has a passkey now: another address waits, and the page says until when as all times are said.
    another = house.admin.post(f"{member}/invitations").json()
    starts = datetime.fromisoformat(another["usable_from"])
    waiting = house.client().get(f"/console{another['address'].partition('/console')[2]}").text
    assert f'<time datetime="{starts:%Y-%m-%dT%H:%M:%SZ}">{starts:%Y-%m-%d %H:%M} UTC</time>' in waiting
    assert "/static/console.js" in waiting


def test_a_name_that_is_too_long_is_told_and_not_cut(house: House):
    """The address still works: nothing was stored."""
    _, path = address_of(house, Tenant.open(house.admin))
    origin = house.vault.sign_in.passkeys.proofs.site.origin
    http = house.client(OWN)
    answer = answer_of(http, path, origin)
    wrong = http.post(path, data={"answer": answer, "name": "x" * 201})
    assert (wrong.status_code, "at most 200 characters" in wrong.text) == (422, True)
    made = http.post(path, data={"answer": answer, "name": "x" * 200})
    assert made.status_code == 303, made.text
    own = http.get("/console/passkeys")
    assert "x" * 200 in own.text
    more = http.post("/console/passkeys", data={"answer": answer, "name": "y" * 201})
    assert (more.status_code, "at most 200 characters" in more.text) == (422, True)


def test_an_address_that_ends_while_it_is_used_says_so(house: House, monkeypatch: pytest.MonkeyPatch):
    """A page of this address, not of an error. Wrong: to look the address up again and expect it there."""
    tenant = Tenant.open(house.admin)
    member, path = address_of(house, tenant)
    person = member.rpartition("/")[2]
    invitation = house.admin.get(member).json()["invitation"]["id"]
    accept = Passkeys.accept

    async def ended(*arguments: Any, **named: Any) -> Any:
        try:
            return await accept(*arguments, **named)
        except SignInRefused:
            account = await house.vault.accounts.accounts.find(tenant.name)
            await house.vault.sign_in.invitations.revoke(account.id, person, invitation, actor="key_test")
            raise

    monkeypatch.setattr(Passkeys, "accept", ended)
    answer = house.client(OWN).post(path, data={"answer": "{}"})
    assert (answer.status_code, "This address cannot be used" in answer.text) == (404, True)
