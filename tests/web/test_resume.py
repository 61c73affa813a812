"""Coming back to a link: whoever holds one of its sessions is led there, and nobody else sees a difference."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from vault.database.schema.core import sessions
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
    assert re.search("Your session continues for (4 minutes 5|5 minutes 0)", shown.text)
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


def test_a_used_link_says_so_to_the_one_who_used_it(house: House, opened: tuple[httpx.Client, str, str]):
    """Once the session is over, and to that browser alone."""
    browser, url, path = opened
    over(house, path)
    answer = open_link(browser, url, nonce="another")
    assert (answer.status_code, "This link was used already" in answer.text) == (404, True)
    assert open_link(house.client(), url, nonce="another").content == not_valid().body


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
