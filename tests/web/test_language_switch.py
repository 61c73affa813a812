"""The choice of a language: below every page, signed in or not, and kept."""

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from vault.web.http.languages import CHOICE, LANGUAGES, NAMES

_SAFE: Final = {"Sec-Fetch-Site": "same-origin"}


def language_of(page: httpx.Response) -> str:
    """Return the language that the page says it is in."""
    found = re.search(r'<html lang="(\w+)">', page.text)
    assert found is not None, page.text[:500]
    return found[1]


def choices(page: httpx.Response) -> list[str]:
    """Return where the choice below a page leads, in order."""
    nav = re.search(r'<nav class="languages" aria-label="([^"]+)">(.*?)</nav>', page.text, re.DOTALL)
    assert nav is not None, page.url
    assert nav[1] == CHOICE[language_of(page)]
    assert re.findall(r'<a [^>]*aria-current="true">([^<]+)<', nav[2]) == [NAMES[language_of(page)]]
    return re.findall(r'href="([^"]+)"', nav[2])


@pytest.fixture
def browser(house: House) -> Iterator[httpx.Client]:
    """A German browser that follows redirects."""
    with httpx.Client(
        base_url=house.url, headers={"Accept-Language": "de", **_SAFE}, follow_redirects=True, timeout=30
    ) as client:
        yield client


def test_each_page_of_a_listener_has_it(browser: httpx.Client, shared: tuple[Tenant, str]):
    """The link, the player, the way back, a dead link, a doorway: in each language, and the next page too."""
    link = shared[0].link(shared[1])
    pages = [link["url"], "/p/nobody", "/h/nobody"]
    for page in pages:
        assert language_of(browser.get(page)) == "de"
    session = open_link(browser, link["url"]).url
    pages.append(str(session))
    for language in ("fr", "es", "de", "en"):
        for page in pages:
            found = browser.get(page)
            place = choices(found)[LANGUAGES.index(language)]
            chosen = browser.get(httpx.URL(str(found.url)).join(place))
            assert language_of(chosen) == language, page
            assert chosen.url == found.url
            assert language_of(browser.get("/console/sign-in")) == language


def test_each_page_of_the_console_has_it(house: House, browser: httpx.Client):
    """Before and after the sign-in; a filter in the address comes back, and a page that answered a form has one too."""
    account = Tenant.open(house.admin).name
    client = sign_in(house, account, "*")
    client.headers["Accept-Language"] = "de"
    base = f"/console/accounts/{account}"
    asked = f"{base}/recordings?state=failed"
    page = client.get(asked)
    assert language_of(page) == "de"
    came = client.get(f"{base}/recordings{choices(page)[1]}", headers={"Referer": f"{house.url}{asked}"})
    assert (came.status_code, came.headers["location"]) == (303, asked)
    assert language_of(client.get(asked)) == "fr"
    # A form that was wrong is a page at the form's address, which has no page of its own.
    wrong = client.post(f"{base}/recording-switch", data={"enabled": "off"}, headers=_SAFE)
    assert (wrong.status_code, language_of(wrong)) == (422, "fr")
    back = client.get(f"{base}/recording-switch{choices(wrong)[2]}")
    assert (back.status_code, back.headers["location"]) == (303, base)
    assert language_of(client.get(back.headers["location"])) == "de"
    assert choices(client.get(f"{base}/recordings/rec_nothing"))
    assert choices(browser.get("/console/once/x"))


@pytest.mark.parametrize(
    ("path", "referer"),
    [
        ("/console/sign-in?language=xx", ""),
        ("/console/sign-in?language=fr&next=//evil.example", ""),
        ("/static/vault.css?language=fr", ""),
        ("/v1/accounts?language=fr", ""),
    ],
)
def test_nothing_else_sets_a_language(house: House, path: str, referer: str):
    """Another language, another parameter beside it, another kind of address."""
    answer = house.client().get(path, headers={"Referer": referer})
    assert "language=" not in answer.headers.get("set-cookie", "")
    assert answer.status_code != 303


@pytest.mark.parametrize("path", ["/console//evil.example", "/console/a/b/c/d/e/f", "/p/x/y/z/a/b"])
def test_it_leads_nowhere_else(house: House, path: str):
    """Only to pages of the vault, whatever the address and the Referer are."""
    referer = {"Referer": f"https://evil.example{path}?next=1"}
    answer = house.client().get(f"{path}?language=fr", headers=referer)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith("//")
    assert "evil" not in answer.headers["location"]


def test_the_language_survives_a_cookie_of_another_host(house: House):
    """Two values of the cookie are ambiguous: the browser's language counts; so does it with an unknown one."""
    client = house.client({"Accept-Language": "es"})
    for cookies, language in (
        ("language=fr", "fr"),
        ("language=fr; language=de", "es"),
        ("language=xx", "es"),
        ("", "es"),
    ):
        page = client.get("/console/sign-in", headers={"Cookie": cookies} if cookies else {})
        assert language_of(page) == language, cookies
