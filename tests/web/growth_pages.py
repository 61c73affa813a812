"""What each page of the console costs at a size: read as somebody with every right, whose account has grown."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.support.console import sign_in
from tests.support.console_pages import NO_PAGES
from tests.web.console.doors import DOORS, PREFIX
from tests.web.growth_scene import TIMES, Cost, Grown
from vault.database.stores.playback.links import LinkRows

#: The pages, by path below the account.
PAGES: Final = tuple(
    path for method, path in DOORS if method == "GET" and path not in NO_PAGES and "{result}" not in path
)
_NAMES: Final = {"connection": "c1", "provider": "idp0"}


def read_pages(grown: Grown) -> None:
    """Measure each page, as ``page`` and its path."""
    browser = sign_in(grown.house, grown.tenant.name)
    for path in PAGES:
        row, at = f"page {path}", PREFIX.format(account=grown.tenant.name) + path
        for parameter, value in (grown.ids | _NAMES).items():
            at = at.replace("{" + parameter + "}", value)
        grown.costs.pop(row, None)
        for _ in range(TIMES):
            with grown.meter.measured() as cost:
                answer = browser.get(at)
            assert answer.status_code == 200, (at, answer.text[:500])
            grown.costs[row] = cost.least(grown.costs[row]) if row in grown.costs else cost


def wrong_pages(small: Mapping[str, Cost], large: Mapping[str, Cost], slack: float) -> list[str]:
    """Return the pages whose statements or numbers grew; how many rows a page shows is its own."""
    found = []
    for path in PAGES:
        before, after = small[f"page {path}"], large[f"page {path}"]
        for what in ("statements", "parses"):
            least, most = getattr(before, what), getattr(after, what)
            if most > slack * least + 4:
                found.append(f"page {path}: {what} grew from {least} to {most}")
    return found


def rows_are_asked_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """A page that asks once more for each of its rows."""
    page = LinkRows.page

    def one_by_one(rows: LinkRows, *wanted: Any, **named: Any) -> Any:
        found = page(rows, *wanted, **named)
        for _ in found:
            rows._db.exec_driver_sql("SELECT 1")
        return found

    patch.setattr(LinkRows, "page", one_by_one)
