"""The ``type`` of every problem document is the address of a section of the page of errors."""

import re
from pathlib import Path

import httpx
import pytest

from tests.support.web_house import House
from vault.web.http.problem_types import TYPES, document_of
from vault.web.http.problems import STATUS

DOCS = Path(__file__).parents[2] / "docs"
#: Statuses that no error of the vault has, but its parser of heads, its routing or its checks of requests.
_OTHERS = {400, 405, 408, 412, 415, 431}


def sections(house: House) -> dict[str, str]:
    """Return the heading of each section of the page, by its anchor."""
    answer = httpx.get(f"{house.url}/errors")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return dict(re.findall(r'<article id="([a-z-]+)">\s*<h2>(.*?)</h2>', answer.text))


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/v1/nowhere", {}),
        ("DELETE", "/healthz", {}),
        ("GET", "/a%00b", {}),
        ("GET", "/v1/accounts", {"headers": {"Authorization": "Bearer none"}}),
        ("PUT", "/v1/accounts/type-of-a-problem", {"json": {"colour": "red"}}),
        ("PUT", "/v1/accounts/type-of-a-problem", {"content": "{}"}),
        ("PUT", "/v1/accounts/type-of-a-problem", {"content": "x" * 70_000}),
    ],
)
def test_a_problem_leads_to_its_section(house: House, method: str, path: str, more: dict[str, object]):
    """By its address, resolved as a browser does; the heading has its status and its title."""
    answer = house.client().request(method, path, **more)  # type: ignore[arg-type]
    said = answer.json()
    page, _, anchor = str(answer.url.join(said["type"])).partition("#")
    assert page == f"{house.url}/errors"
    assert sections(house)[anchor] == f"{said['status']} {said['title']}"
    assert said["status"] == answer.status_code


def test_every_status_has_a_type():
    """What the vault answers with, by an error of its own or before it comes to one."""
    statuses = [one.status for one in TYPES]
    assert set(statuses) == set(STATUS.values()) | _OTHERS
    assert len({one.anchor for one in TYPES}) == len(statuses) == len(set(statuses))
    assert document_of(507, "Full.")["type"] == "about:blank"


def test_the_page_of_the_documentation_has_every_status():
    """In its table, and no other."""
    shown = re.findall(r"^\| (\d{3}) ", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert {int(status) for status in shown} == {one.status for one in TYPES}
