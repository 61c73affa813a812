"""The one cookie that is read, and that no library reads any other."""

import re
from collections.abc import Sequence

import pytest
import starlette.requests
from starlette.requests import Request

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from tests.web.test_access import routes
from vault.web.http.cookies import read_cookie, set_aside


def read(*headers: str, name: str = "sess_1") -> str | None:
    """Return the cookie of a request with these Cookie headers."""
    fields = [(b"host", b"x"), *((b"cookie", value.encode("latin-1")) for value in headers)]
    scope = {"type": "http", "headers": fields}
    set_aside(scope)
    assert scope["headers"] == [(b"host", b"x")]
    return read_cookie(Request(scope), name)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([""], None),
        (["sess_1=abc-_9"], "abc-_9"),
        (["a=b; sess_1=abc; c"], "abc"),
        (["a=b;sess_1=abc;c=d=e"], "abc"),
        (["a=b", "\tsess_1 = abc ;"], "abc"),
        (["sess_1=abc; sess_1=abc"], "abc"),
        (["sess_1=abc; sess_1=other"], None),
        (["sess_1=abc", "sess_1=other"], None),
        (["sess_1=abc; sess_1=\xe9"], "abc"),
        (['sess_1="abc"'], None),
        (['other="x; sess_1=abc"; y=z'], None),
        (['other="x; sess_1=evil"; sess_1=abc'], "abc"),
        (["sess_1="], None),
        (["sess_1"], None),
        (["sess_1=" + "a" * 129], None),
        (["Sess_1=abc; sess_11=abc; xsess_1=abc; __Host-sess_1=abc"], None),
        (["sess_1=abc%20; sess_1 x=abc"], None),
    ],
)
def test_a_cookie_is_read_by_its_exact_name(headers: Sequence[str], found: str | None):
    """Beside others, twice, in quotes, in several headers: what is read is what the vault set, or nothing."""
    assert read(*headers) == found


def test_the_name_with_its_prefix_is_another():
    """``__Host-`` is a part of the name."""
    assert read("sess_1=a; __Host-sess_1=b", name="__Host-sess_1") == "b"


def test_no_route_lets_a_library_parse_cookies(house: House, monkeypatch: pytest.MonkeyPatch):
    """FastAPI would do it for every route, asked for or not, on the event loop."""
    parsed: list[str] = []
    monkeypatch.setattr(starlette.requests, "cookie_parser", lambda text: parsed.append(text) or {})
    stranger = house.client()
    for method, path in sorted(routes(house.app)):
        answer = stranger.request(method, re.sub(r"{.*?}", "x", path), headers={"Cookie": f"path={path}"})
        assert answer.status_code < 500, (method, path)
    assert parsed == []


def test_a_session_plays_beside_other_cookies(house: House, shared: tuple[Tenant, str]):
    """The player's secret is found among others, and is not found where it comes twice with two values."""
    tenant, recording = shared
    browser = house.client()
    path = open_link(browser, tenant.link(recording)["url"]).headers["location"]
    name, secret = path.removeprefix("/s/"), browser.cookies[path.removeprefix("/s/")]
    browser.cookies.clear()
    for header, status in (
        (f'theme="dark; {name}=x"; {name}={secret}; a=b', 200),
        (f"{name}={secret}; {name}={secret}", 200),
        (f"{name}={secret}; {name}=x", 404),
        (f'{name}="{secret}"', 404),
        (f"x{name}={secret}", 404),
    ):
        assert browser.get(f"{path}/state", headers={"Cookie": header}).status_code == status, header
