"""Makes the pictures of the documentation: ``make pictures``, or some of them with ``-m tests.support.pictures NAME``.

Each page of ``tests.support.console_album`` is shown in both themes on two sizes, as WebP, with the page of the
documentation that has them all. It needs Chromium, and Node.js for the sign-in provider. ``PICTURES=png`` makes PNG
files in build/pictures instead, to be looked at.
"""

import base64
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from tests.servers.ports import free_ports
from tests.support.chromium import chromium
from tests.support.console_album import LOOKS, NAMES, Album, show, stranger
from tests.support.example_account import example_account
from tests.support.picture_page import written
from tests.support.provider_sign_in import connected_provider, set_rule, sign_in_at_provider
from tests.support.web_house import open_house

DOCS: Final = Path(__file__).parents[2] / "docs"
FOLDER: Final = DOCS / "pictures"
#: What is below on a long page is cut off, in pixels.
_MAX_HEIGHT: Final = {1280: 820, 390: 740}
#: Pixels of a picture for each pixel of the window: a page of the documentation is narrower than a desk.
_SCALES: Final = {1280: 0.75, 390: 1}
_QUALITY: Final = 20
#: A font of usual width, which every Debian with Chromium has.
_FONTS: Final = Path(__file__).parent / "pictures.fonts.xml"
_PEOPLE: Final = {"ada": "Ada Brandt", "grace": "Grace Ncube"}


@contextmanager
def opened_album() -> Iterator[Album]:
    """Furnish a vault, and sign somebody in who has its every role."""
    (port,) = free_ports(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_house(Path(folder), VAULT_MEDIA_ALLOW=f"127.0.0.1:{port}") as house,
        chromium() as browser,
    ):
        account = example_account(house, "harbour-cycles")
        rule = set_rule(house, account.tenant, None)
        with (
            connected_provider(account.tenant, port, "admin", _PEOPLE) as connection,
            stranger(browser) as second,
            stranger(browser) as first,
        ):
            set_rule(house, account.tenant, rule)
            for page, login in ((second, "grace"), (first, "ada")):
                sign_in_at_provider(page, connection["sign_in_url"], login)
                page.wait_for_url("**/console/accounts/harbour-cycles")
            yield Album(house, account, browser, first)


def take(page: Page, path: Path) -> None:
    """Keep a picture of a page, down to where it is cut off."""
    width = page.evaluate("innerWidth")
    is_dialog = page.locator("dialog[open]").count() > 0
    height = (
        page.evaluate("innerHeight") if is_dialog else page.evaluate("document.documentElement.scrollHeight")
    )
    wanted = {
        "format": path.suffix.removeprefix("."),
        "captureBeyondViewport": True,
        "clip": {
            "x": 0,
            "y": 0,
            "width": width,
            "height": min(height, _MAX_HEIGHT[width]),
            "scale": _SCALES[width],
        },
    }
    if path.suffix == ".webp":
        wanted["quality"] = _QUALITY
    session = page.context.new_cdp_session(page)
    path.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", wanted)["data"]))
    session.detach()


def main(names: Sequence[str]) -> None:
    """Make the pictures of these pages."""
    kind = os.environ.get("PICTURES", "webp")
    if kind == "webp":
        (DOCS / "console-pages.md").write_text(written(), "utf-8")
    folder = FOLDER if kind == "webp" else Path("build/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["FONTCONFIG_FILE"] = str(_FONTS)
    with opened_album() as album:
        for name in names:
            with album.opened(name) as page:
                for look in LOOKS:
                    show(page, look)
                    take(page, folder / f"{name}-{look}.{kind}")


if __name__ == "__main__":
    main(sys.argv[1:] or NAMES)
