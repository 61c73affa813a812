"""Opens every page of the console and of listeners, and shows each in four looks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Browser, Page

from tests.support.chromium import new_page
from tests.support.console import key_text
from tests.support.console_pages import PAGES, STEPS
from tests.support.example_account import ExampleAccount
from tests.support.web_house import House

#: Theme and width in pixels, by the end of a picture's name.
LOOKS: Final = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "phone": ("light", 390),
    "phone-dark": ("dark", 390),
}
_HEIGHTS: Final = {1280: 800, 390: 844}


@dataclass(frozen=True)
class Album:
    """A vault, its example account, and a browser in which somebody is signed in to it."""

    house: House
    account: ExampleAccount
    browser: Browser
    page: Page

    @property
    def base(self) -> str:
        """Return the address of the account's pages."""
        return f"{self.house.url}/console/accounts/{self.account.tenant.name}"

    @contextmanager
    def opened(self, name: str) -> Iterator[Page]:
        """Open a page by its name."""
        if name in PAGES:
            self._go(PAGES[name])
            yield self.page
        elif name in STEPS:
            start, act = STEPS[name]
            self._go(PAGES[start])
            act(self.page)
            yield self.page
        else:
            with stranger(self.browser) as page:
                OTHERS[name](self, page)
                yield page

    def _go(self, path: str) -> None:
        for name, one in self.account.ids.items():
            path = path.replace(f"{{{name}}}", one)
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None
        assert answer.status == 200, path


def stranger(browser: Browser, locale: str = "en-GB") -> AbstractContextManager[Page]:
    """Open a page in a browser of its own. Times are those of the account's place."""
    return new_page(browser, locale, size=(1280, 800), place="America/Los_Angeles")


def show(page: Page, look: str) -> None:
    """Set the theme and the size of the window."""
    scheme, width = LOOKS[look]
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": _HEIGHTS[width]})


def sign_in_with_key(album: Album, page: Page, account: str | None, *scopes: str) -> None:
    """Sign in by the form, with a new key."""
    page.goto(f"{album.house.url}/console/sign-in")
    page.locator("#key").fill(key_text(album.house, account, *scopes))
    page.locator("button.primary").click()
    page.wait_for_load_state()


def _accounts(album: Album, page: Page) -> None:
    sign_in_with_key(album, page, None)


def _once(album: Album, page: Page) -> None:
    key, _ = album.house.call(
        album.house.vault.accounts.api_keys.issue,
        name="demo",
        scopes=["*"],
        account_id=None,
        actor="operator",
    )
    token = album.house.call(album.house.vault.accounts.console_sessions.invite, key.id).text
    page.goto(f"{album.house.url}/console/once/{token}")


def _no_scope(album: Album, page: Page) -> None:
    sign_in_with_key(album, page, album.account.tenant.name, "recordings:read")
    page.goto(f"{album.base}/retention")


def _not_found(album: Album, page: Page) -> None:
    sign_in_with_key(album, page, album.account.tenant.name)
    page.goto(f"{album.base}/holds/hold_none")


def _player(album: Album, page: Page) -> None:
    page.goto(album.account.ids["link call-20352"])
    page.get_by_role("button", name="Listen").click()
    page.wait_for_url("**/s/sess_*")
    page.locator("#controls").wait_for()
    box = page.locator("#seek").bounding_box()
    assert box is not None
    page.locator("#seek").click(position={"x": box["width"] * 0.4, "y": box["height"] / 2})
    page.mouse.move(0, 0)


def _doorway(album: Album, page: Page) -> None:
    made = album.account.sent("POST", f"/recordings/{album.account.ids['call-20352']}/doorway")
    page.goto(made["url"])


#: Pages of no account, and those of listeners and callers.
OTHERS: Final[Mapping[str, Callable[[Album, Page], None]]] = {
    "sign-in": lambda album, page: page.goto(f"{album.house.url}/console/sign-in") and None,
    "sign-in-once": _once,
    "accounts": _accounts,
    "no-scope": _no_scope,
    "not-found": _not_found,
    "listener-link": lambda album, page: page.goto(album.account.ids["link call-20352"]) and None,
    "listener-player": _player,
    "listener-not-valid": lambda album, page: page.goto(f"{album.house.url}/p/over") and None,
    "listener-doorway": _doorway,
    "caller-privacy": lambda album, page: page.goto(album.account.ids["privacy"]) and None,
}
NAMES: Final = (*PAGES, *STEPS, *OTHERS)
