"""Invitations by mail as an administrator sees them, by the console and by REST, with a real mail server."""

import html
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.servers.smtp_server import SmtpServer, smtp_server
from tests.support.console import OWN
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house

_ADDRESS = re.compile(r"/console/invitation/[\w-]{43}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpServer]:
    """A mail server."""
    with smtp_server(tmp_path_factory.mktemp("mail")) as made:
        yield made


@pytest.fixture(scope="module")
def mailing(server: SmtpServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An app that mails."""
    with open_house(tmp_path_factory.mktemp("app"), VAULT_SMTP_URL=server.url) as made:
        yield made


def until(said: Callable[[], Any]) -> Any:
    """Return what is true in the end."""
    for _ in range(200):
        if found := said():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not come true.")


def test_an_administrator_invites_by_mail_and_sees_what_became_of_it(mailing: House, server: SmtpServer):
    """The page never has the address; a refusal is told with what to do. A new address takes its place."""
    tenant = Tenant.open(mailing.admin)
    http = mailing.client(OWN)
    assert http.post("/console/sign-in", data={"key": mailing.key}).status_code == 303
    home = f"/console/accounts/{tenant.name}"
    assert "By mail, in French" in http.get(f"{home}/access/invitation").text
    form = {
        "nonce": "m1",
        "title": "Ada",
        "email": "ada@acme.example",
        "roles": "auditor",
        "mail_language": "fr",
    }
    wrong = http.post(f"{home}/access/members", data=form | {"email": "", "nonce": "m0"})
    assert (wrong.status_code, "enter an e-mail address" in wrong.text) == (422, True)
    assert re.search(r'<option value="fr" selected>', wrong.text)
    server.mailboxes.answer("RCPT", "550 no such user")
    made = http.post(f"{home}/access/members", data=form)
    assert made.status_code == 303, made.text
    page = made.headers["location"].partition("?")[0]
    assert "nobody else sees it" in http.get(made.headers["location"]).text
    until(lambda: "refuses the mail" in http.get(page).text)
    refused = http.get(page).text
    assert "(550)" in refused
    assert "no such user" not in html.unescape(refused)
    assert _ADDRESS.search(refused) is None
    assert "mail failed" in http.get(f"{home}/access").text
    rung = f'<a href="{home}/access">1 invitation could not be mailed</a>'
    assert rung in http.get(f"{home}/recordings").text
    again = http.post(f"{page}/invitations", data={"nonce": "m2", "mail_language": "de"})
    assert again.status_code == 303, again.text
    until(lambda: "The mail server took the mail" in http.get(page).text)
    assert rung not in http.get(f"{home}/recordings").text
    (mail,) = server.mailboxes.mails
    (address,) = _ADDRESS.findall(mail.get_content())
    assert mailing.client().get(address).status_code == 200


def test_rest_shows_no_address_that_is_mailed(mailing: House):
    """It says how the mail stands instead."""
    tenant = Tenant.open(mailing.admin)
    body = {"name": "Ben", "email": "ben@acme.example", "roles": ["auditor"], "mail_language": "en"}
    made = mailing.admin.post(tenant.url("/members"), json=body)
    assert (made.status_code, made.json()["invitation"].get("address")) == (201, None), made.text
    member = tenant.url(f"/members/{made.json()['member']['id']}")
    until(lambda: mailing.admin.get(member).json()["invitation"]["mail"]["state"] == "sent")
    again = mailing.admin.post(f"{member}/invitations", json={"mail_language": "es"})
    assert (again.status_code, again.json().get("address")) == (201, None), again.text
    shown = mailing.admin.post(f"{member}/invitations")
    assert _ADDRESS.search(shown.json()["address"])
    assert mailing.admin.get(member).json()["invitation"].get("mail") is None
    wrong = mailing.admin.post(f"{member}/invitations", json={"mail_language": "xx"})
    assert wrong.status_code == 422


def test_without_a_mail_server_the_page_says_so(house: House):
    """And REST refuses, naming the field."""
    tenant = Tenant.open(house.admin)
    body = {"name": "Ben", "email": "ben@acme.example", "roles": ["auditor"], "mail_language": "en"}
    refused = house.admin.post(tenant.url("/members"), json=body)
    assert refused.status_code == 422
    assert "mail_language" in refused.text
    http = house.client(OWN)
    assert http.post("/console/sign-in", data={"key": house.key}).status_code == 303
    page = http.get(f"/console/accounts/{tenant.name}/access/invitation").text
    assert "this vault sends no mail" in page
    assert "mail_language" not in page
