"""Somebody at the console, as a browser without scripts."""

import html
import re

import httpx

from tests.support.web_house import House

NONCE = re.compile(r'name="nonce" value="([^"]+)"')
#: What a browser sends with a form of the page's own site.
OWN = {"Sec-Fetch-Site": "same-origin"}


def sign_in(house: House, account: str | None, *scopes: str) -> httpx.Client:
    """Return a client with a session of a new key."""
    client = house.client(OWN)
    key = house.key_for(account, *(scopes or ("*",)))["Authorization"].removeprefix("Bearer ")
    answer = client.post("/console/sign-in", data={"key": key})
    assert answer.status_code == 303, answer.text
    return client


def nonce_of(page: httpx.Response) -> str:
    """Return the hidden field of a page's form."""
    found = NONCE.search(page.text)
    assert found is not None, page.text
    return found[1]


def form_of(page: httpx.Response, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is sent to ``action``."""
    found = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert found is not None, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[0])
    return {name: html.unescape(value) for name, value in hidden}
