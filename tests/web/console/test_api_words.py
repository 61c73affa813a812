"""No text that a person reads has words of the API: names of its fields, ids, methods."""

import re
from typing import Final

import httpx
import pytest

from tests.support.api_words import texts_with_api_words
from tests.support.console import sign_in
from tests.support.console_pages import PAGES, path_of
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House

pytestmark = pytest.mark.xdist_group("console forms")
#: Pages and texts in which such a word stands for a reason.
ALLOWED: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "event-deliveries",
        "(Send again: )?evt_",
        "an event has no name but its id, which its receiver has too",
    ),
    ("event-deliveries", r"[a-z_]+\.[a-z_]+", "a type of event, which its receiver has too"),
    ("integration-app", "callvault_harbour", "the id of the example's app at its system"),
    ("sign-in-.*", ".*realm_access", "a name that Keycloak has"),
    ("sign-in-.*", ".*private_key_jwt", "a name that OpenID Connect has, and providers show"),
)


def allowed(page: str, text: str) -> bool:
    """Return whether a text of a page is named above."""
    return any(re.fullmatch(where, page) and re.match(what, text) for where, what, _ in ALLOWED)


@pytest.fixture(scope="module")
def account(house: House) -> ExampleAccount:
    """An account with something on every page."""
    return example_account(house)


@pytest.fixture(scope="module")
def client(house: House, account: ExampleAccount) -> httpx.Client:
    """Somebody with every scope."""
    return sign_in(house, account.tenant.name)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_words_of_the_api(client: httpx.Client, account: ExampleAccount, name: str):
    """But for addresses, codes that are marked as such, and what is named above."""
    page = client.get(path_of(account, name))
    assert page.status_code == 200
    assert [text for text in texts_with_api_words(page.text) if not allowed(name, text)] == []
