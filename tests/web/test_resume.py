"""Coming back to a link: anyone who holds one of its sessions is led there, and nobody else sees a difference."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House, open_house
from vault.database.schema.core import links, sessions
from vault.web.app import Hosting
from vault.web.http.html import not_valid


@pytest.fixture
def opened(house: House, shared: tuple[Tenant, str]) -> tuple[httpx.Client, str, str]:
    """A link of one session that a browser opened: the browser, the link and the session's path."""
    browser, url = house.client(), shared[0].link(shared[1], sessions=1)["url"]
    return browser, url, open_link(browser, url).headers["location"]


def over(house: House, path: str) -> None:
    """Let a session's time be over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    said = update(sessions).where(sessions.c.id == path[3:]).values(ends_at=past)
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def test_a_browser_is_led_back_to_its_session(
    house: House, shared: tuple[Tenant, str], opened: tuple[httpx.Client, str, str]
):
    """By the link's page with the time that is left, and by its button; neither is on record as an open."""
    browser, url, path = opened
    before = shared[0].types(shared[1])
    shown = browser.get(url)
    assert (shown.status_code, f'href="{path}"' in shown.text) == (200, True)
    assert re.search("Continue, (4:5|5:00)", shown.text)
    again = open_link(browser, url, nonce="another")
    assert (again.status_code, again.headers["location"]) == (303, path)
    assert "set-cookie" not in again.headers
    assert browser.get(f"{path}/audio").status_code == 200
    # Another link of the same recording has its own page.
    other = shared[0].link(shared[1])["url"]
    assert 'name="nonce"' in browser.get(other).text
    opens = [kind for kind in shared[0].types(shared[1]) if kind in ("playback.open", "playback.denied")]
    assert opens == [kind for kind in before if kind in ("playback.open", "playback.denied")]


def test_a_stranger_sees_a_dead_link(house: House, opened: tuple[httpx.Client, str, str]):
    """Without the session's secret, with another's, and by an id alone: the same 404 as of every dead link."""
    browser, url, path = opened
    name = path.removeprefix("/s/")
    unknown = open_link(house.client(), f"{house.url}/p/{'x' * 43}", nonce="n")
    for cookie in (
        "",
        f"{name}=x",
        f"{name}=",
        f"sess_other={browser.cookies[name]}",
        f"x={browser.cookies[name]}",
    ):
        stranger = house.client({"Cookie": cookie})
        answer = open_link(stranger, url, nonce="n")
        assert (answer.status_code, answer.content) == (404, unknown.content)
        assert answer.content == not_valid().body
        assert 'name="nonce"' in stranger.get(url).text


def expire(house: House, link: str) -> None:
    """Let a link's time be over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    said = update(links).where(links.c.id == link).values(expires_at=past)
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


#: What happens to a link whose session is over, and what its holder reads then.
REASONS: dict[str, Callable[[House, Tenant, str, str], object]] = {
    "This link was used already": lambda *_: None,
    "This link has expired": lambda house, _tenant, _recording, link: expire(house, link),
    "This link was withdrawn": lambda _house, tenant, recording, link: tenant.http.delete(
        tenant.url(f"/recordings/{recording}/links/{link}")
    ),
    "This recording is restricted": lambda _house, tenant, recording, _link: tenant.http.put(
        tenant.url(f"/recordings/{recording}/restriction"), json={}
    ),
    "This recording was erased": lambda _house, tenant, recording, _link: tenant.http.delete(
        tenant.url(f"/recordings/{recording}")
    ),
}


@pytest.mark.parametrize("words", REASONS)
def test_a_dead_link_says_why_to_the_one_who_used_it(house: House, words: str):
    """Once the session is over, on its page and at its button, and to that browser alone."""
    tenant = Tenant.open(house.admin)
    recording, browser = tenant.uploaded(AUDIO), house.client()
    link = tenant.link(recording, sessions=2 if "restricted" in words else 1)
    path = open_link(browser, link["url"]).headers["location"]
    over(house, path)
    REASONS[words](house, tenant, recording, link["id"])
    for answer in (browser.get(link["url"]), open_link(browser, link["url"], nonce="another")):
        assert (answer.status_code, answer.text.count(words)) == (404, 2)
    stranger = house.client()
    assert open_link(stranger, link["url"], nonce="another").content == not_valid().body
    if words != "This link was used already":
        assert stranger.get(link["url"]).content == not_valid().body


def test_another_network_is_named_to_the_one_who_used_the_link(tmp_path: Path):
    """Its holder is told to go back to the first network: a new link would not help."""
    with open_house(tmp_path) as house:
        house.app.state.hosting = Hosting(public_url=house.url, trusted_proxies=(ip_network("127.0.0.0/8"),))
        tenant = Tenant.open(house.admin)
        link = tenant.link(tenant.uploaded(AUDIO), networks=["192.0.2.0/24"])
        browser = house.client()
        office, train = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "203.0.113.9"}
        path = open_link(browser, link["url"], headers=office).headers["location"]
        over(house, path)
        assert 'name="nonce"' in browser.get(link["url"], headers=office).text
        shown = browser.get(link["url"], headers=train)
        assert (shown.status_code, shown.text.count("does not work in this network")) == (404, 2)
        assert house.client().get(link["url"], headers=train).content == not_valid().body


def test_many_cookies_are_no_work(house: House, opened: tuple[httpx.Client, str, str]):
    """Of a browser's sessions the youngest are looked at."""
    browser, url, path = opened
    name = path.removeprefix("/s/")
    others = "; ".join(f"sess_{n}=x" for n in range(40))
    for cookie, found in (
        (f"{others}; {name}={browser.cookies[name]}", True),
        (f"{name}=x; {others}", False),
    ):
        shown = house.client({"Cookie": cookie}).get(url)
        assert (shown.status_code, "Continue" in shown.text) == (200, found)
