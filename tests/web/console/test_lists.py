"""Lists of the console: forward and back through their pages, and what a page shows as CSV."""

import csv
import html
import io
import re
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.console import MARKUP, furnished, sign_in
from tests.support.console_pages import PAGES
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.console.list_pages import harmless

_TEMPLATES: Final = Path(__file__).parents[3] / "vault" / "web" / "pages" / "console"
#: Lists by their templates, with an address of each; None: nothing of it is in ``furnished``.
LISTS: Final = {
    "access.html": "access", "access_keys.html": "api-keys", "approvals.html": "approvals",
    "authorities.html": "authorities", "card_data.html": "card-data",
    "connection_deliveries.html": "deliveries", "consent.html": "consent",
    "event_deliveries.html": None, "handovers.html": "handovers",
    "disclosures.html": "disclosures", "holds.html": "holds", "link_cuts.html": "link-cuts", "log.html": "log",
    "notices.html": "notices", "objections.html": "objections", "overview.html": "overview", "people.html": "people",
    "quarantine.html": "quarantine", "recipients.html": "recipients", "recording_links.html": "recording",
    "recordings.html": "recordings", "requests.html": "requests", "retention.html": "retention",
}  # fmt: skip
#: Of these the furnished account has nothing, so there is no list.
EMPTY: Final = frozenset(
    {
        "access",
        "approvals",
        "authorities",
        "card-data",
        "deliveries",
        "disclosures",
        "handovers",
        "holds",
        "link-cuts",
        "notices",
        "objections",
        "recipients",
    }
    | {"requests", "retention"}
)
#: Lists with a way of their own, and why.
OTHERS: Final = {
    "accounts.html": "is of no account, and no table",
}


def links_of(page: httpx.Response) -> dict[str, str]:
    """Return the links around a page of a list, by their words."""
    found = re.search(r'<p class="buttons pages">(.*?)</p>', page.text, re.DOTALL)
    pairs = re.findall(r'href="([^"]+)"[^>]*>([^<]+)<', found[1]) if found else []
    return {words: str(page.url.join(html.unescape(href))) for href, words in pairs}


def rows_of(client: httpx.Client, page: httpx.Response) -> list[list[str]]:
    """Return the rows of the CSV of a page."""
    file = client.get(links_of(page)["This page as CSV"])
    assert (file.status_code, file.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(file.text)))


def test_every_list_has_the_links():
    """A template that knows a next page shows it by the one filter, which leads back too."""
    paging = {
        one.name for one in _TEMPLATES.glob("*.html") if re.search(r"\bfollowing\b", one.read_text("utf-8"))
    }
    assert paging == LISTS.keys() | OTHERS.keys()
    for name in paging:
        assert "following | pages" in (_TEMPLATES / name).read_text("utf-8"), name


@pytest.fixture(scope="module")
def scene(house: House) -> tuple[httpx.Client, Tenant, dict[str, str]]:
    """A furnished account and a session."""
    tenant, ids = furnished(house)
    return sign_in(house, tenant.name, "*"), tenant, ids


@pytest.mark.parametrize("name", [one for one in LISTS.values() if one])
def test_a_page_as_csv_is_its_table(scene: tuple[httpx.Client, Tenant, dict[str, str]], name: str):
    """As many rows and columns as are shown, without buttons and without markup; moments are exact."""
    client, tenant, ids = scene
    known = ids | {"call-20417": ids["kept-1"], "connection": "main"}
    page = client.get(f"/console/accounts/{tenant.name}{PAGES[name].format_map(known)}")
    assert page.status_code == 200
    before, _, after = page.text.partition('<p class="buttons pages">')
    if not after:
        assert name in EMPTY
        return
    if "<table>" not in before:
        assert "This page as CSV" not in after
        return
    table = before[before.rfind("<table>") :]
    rows = rows_of(client, page)
    assert len(rows) == table.count("<tr")
    assert len(rows[0]) == table.count('<th scope="col"')
    text = "\n".join("\t".join(row) for row in rows)
    for moment in re.findall(r'<time datetime="([^"]+)"', table):
        assert moment in text
    assert "UTC" not in text or name == "log"
    for button in re.findall(r"<button[^>]*>([^<]+)<", table):
        assert f"\t{button}" not in text


def test_a_cell_is_no_formula_and_no_markup(scene: tuple[httpx.Client, Tenant, dict[str, str]]):
    """What a caller sent stands as text; a number begins with an apostrophe, which a spreadsheet takes away."""
    client, tenant, _ = scene
    text = rows_of(client, client.get(f"/console/accounts/{tenant.name}/recordings"))
    cells = {cell for row in text for cell in row}
    assert MARKUP in cells
    assert harmless("+12025550100") in cells
    assert "+12025550100" not in cells


def test_forward_and_back(house: House, tenant: Tenant):
    """Through three pages and back by the same addresses; the first page is reached from anywhere."""
    for number in range(120):
        house.call(
            house.vault.accounts.api_keys.issue,
            name=f"key {number:03}", scopes=["ingest"], account_id=tenant.id, actor="operator",
        )  # fmt: skip
    client = sign_in(house, tenant.name)
    pages = [client.get(f"/console/accounts/{tenant.name}/access/keys")]
    assert "Previous page" not in links_of(pages[0])
    while "More" in links_of(pages[-1]):
        pages.append(client.get(links_of(pages[-1])["More"]))
    shown = [[row[0] for row in rows_of(client, page)[1:]] for page in pages]
    assert [len(one) for one in shown] == [50, 50, 21]
    assert len({name for one in shown for name in one}) == 121
    back = client.get(links_of(pages[2])["Previous page"])
    assert [row[0] for row in rows_of(client, back)[1:]] == shown[1]
    again = client.get(links_of(back)["Previous page"])
    assert [row[0] for row in rows_of(client, again)[1:]] == shown[0]
    assert again.url == pages[0].url
    assert client.get(links_of(pages[2])["First page"]).url == pages[0].url
    # Of an address that somebody typed or cut, the first page is there still.
    odd = client.get(str(pages[2].url.copy_set_param("trail", "'<x>")))
    assert set(links_of(odd)) == {"First page", "This page as CSV"}
    assert "<x>" not in odd.text


def test_a_filter_stays(scene: tuple[httpx.Client, Tenant, dict[str, str]]):
    """In the CSV, and on the way back."""
    client, tenant, _ = scene
    page = client.get(f"/console/accounts/{tenant.name}/recordings", params={"state": "quarantined"})
    states = [row[-1] or row[-2] for row in rows_of(client, page)[1:]]
    assert len(states) == page.text.count("<tr>") - 1 > 0
    assert "state=quarantined" in links_of(page)["This page as CSV"]
