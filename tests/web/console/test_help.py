"""Each page of the console leads to the page of the documentation about it, where the operator serves that."""

import re
from pathlib import Path

import pytest

from tests.support.console import sign_in
from tests.support.console_pages import PAGES
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.app import Hosting
from vault.web.console import help as documentation

ROOT = Path(__file__).parents[3]
LINK = re.compile(r'<p class="help"><a href="([^"]+)">Help on this page</a></p>')


def test_every_page_that_is_named_is_on_the_site():
    """A file of docs/ that the navigation of the site has under its own name."""
    named = re.findall(r'"([\w/-]+)\.md"', (ROOT / "docs/site/zensical.toml").read_text("utf-8"))
    for page in set(documentation.PAGES.values()):
        assert (ROOT / f"docs/{page}.md").exists(), page
        assert page in named


def test_a_page_that_no_line_names_is_told():
    """The overview's page is the last resort, for the overview and the account alone."""
    general = {
        name for name, path in PAGES.items() if documentation.help_page(path.partition("?")[0]) == "console"
    }
    assert general == {"overview", "account"}


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("", "console"),
        ("/consent/notices/new", "notices"),
        ("/consentless", "console"),
        ("/holds/hold_1", "holds"),
    ],
)
def test_the_longest_beginning_counts(path: str, page: str):
    """By whole segments."""
    assert documentation.help_page(path) == page


def test_pages_link_where_documentation_is_served(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    """Nowhere without the setting."""
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    assert not LINK.search(client.get(f"{base}/holds").text)
    hosting = Hosting(public_url=house.url, docs_url="https://docs.example/callvault")
    monkeypatch.setattr(house.app.state, "hosting", hosting)
    for path, page in (("", "console"), ("/holds/new", "holds"), ("/access", "sign-in")):
        found = LINK.search(client.get(base + path).text)
        assert found is not None
        assert found[1] == f"https://docs.example/callvault/{page}.html"
