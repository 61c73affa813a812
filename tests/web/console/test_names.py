"""Names in the place of ids: on every page, in the transaction of one account, and nobody else's."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

import httpx
import pytest

from tests.support.console import MARKUP, furnished, sign_in
from tests.support.console_pages import PAGES, path_of
from tests.support.example_account import ExampleAccount, example_account
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.http.named import KINDS, MARK, linked, named

pytestmark = pytest.mark.xdist_group("console names")
_BARE: Final = re.compile(rf"\b(?:{'|'.join(KINDS)})_[0-9a-f]{{4,}}")
#: Where an id is wanted: behind "Show the id", in addresses and settings to be copied, and in JSON.
_WANTED: Final = ("details.ident", "pre", ".code", "textarea", "script", "style", ".printed")
#: An address that is entered at another system.
_ADDRESS: Final = re.compile(r"https?://\S+")
_VOID: Final = frozenset({"meta", "link", "input", "img", "br", "hr", "path", "rect"})


class Read(HTMLParser):
    """Collects the text of a page, but for the elements in which an id is wanted."""

    def __init__(self) -> None:
        """Begin outside every element."""
        super().__init__()
        self.text: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        if tag in _VOID:
            return
        classes = (dict(attrs).get("class") or "").split()
        names = {tag, *(f".{one}" for one in classes), *(f"{tag}.{one}" for one in classes)}
        if self._skipped or not names.isdisjoint(_WANTED):
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self._skipped and self._skipped[-1] == tag:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        """Collect a text."""
        if not self._skipped:
            self.text.append(data)


def read(page: str) -> str:
    """Return what a person reads on a page."""
    parser = Read()
    parser.feed(page)
    return _ADDRESS.sub("", "".join(parser.text))


@pytest.fixture(scope="module")
def account(house: House) -> Iterator[ExampleAccount]:
    """An account with something on every page."""
    return example_account(house)


@pytest.fixture(scope="module")
def browser(house: House, account: ExampleAccount) -> httpx.Client:
    """Somebody with every scope."""
    return sign_in(house, account.tenant.name)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_an_id_where_people_expect_a_name(
    browser: httpx.Client, account: ExampleAccount, name: str
):
    """Persons, keys, recordings, requests, holds and all others; no mark is left either."""
    page = browser.get(path_of(account, name))
    assert page.status_code == 200
    assert _BARE.findall(read(page.text)) == []
    assert MARK.search(page.text) is None


def test_the_log_names_who_did_what_to_which_call(house: House, account: ExampleAccount):
    """The name of the key; the call by its time, with the number for who may read calls."""
    path = f"/console/accounts/{account.tenant.name}/log?recording={account.ids['call-20417']}"
    page = sign_in(house, account.tenant.name).get(path).text
    assert re.search(
        r'<a class="name" title="rec_\w+" href="[^"]+">Call of <time[^>]+>[^<]+</time> with \+14155550142</a>',
        page,
    )
    assert re.search(r'<bdi class="name" title="key_\w+">', page)
    auditor = read(sign_in(house, account.tenant.name, "audit:read").get(path).text)
    assert "Call of" in auditor
    assert "+14155550142" not in auditor


def test_a_name_is_text(house: House):
    """A listener and an agent with markup in their names."""
    tenant, _ = furnished(house)
    page = sign_in(house, tenant.name).get(f"/console/accounts/{tenant.name}/log?cursor=0").text
    assert MARKUP not in page


def test_what_belongs_to_another_account_has_no_name(house: House, account: ExampleAccount):
    """Its ids are found by nobody else: the kind is told, which the id tells already."""
    other = Tenant.open(house.admin)
    key = house.key_for(account.tenant.name, "*")["Authorization"].removeprefix("Bearer ").split("_")[1]
    ids = [account.ids["call-20417"], account.ids["hold"], f"key_{key}"]
    mine, theirs = (
        house.call(house.vault.names.of, one.id, ids, with_numbers=True) for one in (account.tenant, other)
    )
    assert set(mine) == set(ids)
    assert theirs == {}


def test_what_somebody_typed_is_no_mark():
    """Only ids of the vault are marked, and a mark cannot be typed without the secret of the process."""
    assert [named(one) for one in (None, "", "call_1", "rec_mine", "dispute")] == [
        "\u2013", "\u2013", "call_1", "rec_mine", "dispute",
    ]  # fmt: skip
    mark = str(linked("rec_" + "0" * 32))
    assert MARK.fullmatch(mark) is not None
    assert MARK.search(re.sub(":[a-z]+:", ":0:linked:", "\x02guess:linked:rec_" + "0" * 32 + "\x03")) is None
