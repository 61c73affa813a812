"""Names that are read from right to left: on every page each stands by itself, so that it moves nothing beside it.

A number or a stop after such a name would be shown on its other side.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser

from tests.support.console_album import Album, sign_in_with_key, stranger
from tests.support.console_pages import PAGES
from tests.support.example_account import example_account
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console right to left")]
#: What people are called in place of what the example calls them.
NAMES: Final = {
    "Marta Lindqvist": "מרתה לינדקוויסט",
    "Robin Achterberg": "روبن أختربرغ",
    "Priya Natarajan": "פריה נטראגי",
    "Tomás Ferreira": "توماس فيريرا",
    "Noor Haddad": "نور حداد",
    "Kim Osei, team lead": "קים אוסי (צוות)",
    "Lee Marchetti, insurer": "לי מרקטי",
    "Ada Brandt, auditor": "عدا برانت",
    "Tidewater Hosting": "אירוח גאות",
    "Superior Court, Alameda": "בית המשפט",
    "Harbour Cycles v. Delgado": "דלגדו נגד הנמל",
    "Insurance file 5512": "תיק ביטוח",
}
#: Texts with a letter of these names that have more than the name, or do not stand by themselves.
_MIXED: Final = """names => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    // What stands between marks of Unicode is by itself.
    const text = walk.currentNode.textContent.replace(/\\u2068[^\\u2069]*\\u2069/g, "").trim();
    const parent = walk.currentNode.parentElement;
    if (!/[\\u0590-\\u08ff]/.test(text) || parent.closest("option, textarea, pre, script, title")) continue;
    const style = getComputedStyle(parent).unicodeBidi;
    const alone = names.includes(text) && ["isolate", "plaintext"].includes(style);
    if (!alone) found.push(`${style} ${parent.tagName}: ${text}`);
  }
  return found;
}"""


def renamed(value: Any) -> Any:
    """Return a body with these names."""
    if isinstance(value, dict):
        return {key: renamed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one) for one in value]
    return NAMES.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def album(house: House, browser: Browser) -> Iterator[Album]:
    """An account with something on every page, and these names."""
    request = house.admin.request

    def sent(method: str, url: Any, **named: Any) -> Any:
        return request(method, url, **named | {"json": renamed(named.get("json"))})

    with pytest.MonkeyPatch.context() as patch, stranger(browser, "en-GB") as page:
        patch.setattr(house.admin, "request", sent)
        account = example_account(house)
        patch.undo()
        album = Album(house, account, browser, page)
        sign_in_with_key(album, page, account.tenant.name)
        yield album


@pytest.mark.parametrize("name", [*PAGES, "listener-link", "listener-player", "caller-privacy"])
def test_a_name_stands_by_itself(album: Album, name: str):
    """In its own direction, in an element of its own."""
    with album.opened(name) as page:
        assert page.evaluate(_MIXED, list(NAMES.values())) == []
