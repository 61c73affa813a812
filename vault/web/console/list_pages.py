"""The way through a list, forward and back, and what a page of it shows as CSV: the same for every list.

A template writes ``{{ following | pages(path) }}`` below a list. When the page is made, the links stand there. An
address keeps the cursors of the pages before it, of the last 20, so that no list needs to be read backwards.
"""

import csv
import io
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response
from markupsafe import Markup

from vault.web.http.named import PAGES
from vault.web.http.translations import gettext

_CURSOR: Final = "cursor"
_TRAIL: Final = "trail"
_CSV: Final = "csv"
#: The place of the first page, which has no cursor.
_FIRST: Final = "-"
_MOST: Final = 20
_TRAILS: Final = re.compile(r"[A-Za-z0-9_=~%-]{1,300}(?:\.[A-Za-z0-9_=~%-]{1,300}){0,19}")
#: What is only for the page on which it stands.
_OWN: Final = frozenset({_CURSOR, _TRAIL, _CSV, "done", "confirm"})
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
#: Elements of a cell that are none of its text.
_LEFT_OUT: Final = frozenset({"button", "dialog", "form", "summary", "svg", "script", "select"})


def fill_pages(request: Request, page: str) -> str:
    """Return a page with the links to the pages around it, in the places of their marks."""

    def links(found: re.Match[str]) -> str:
        return str(_links(request, found[1], has_table="<table>" in page[: found.start()]))

    return PAGES.sub(links, page)


def _links(request: Request, target: str, *, has_table: bool) -> Markup:
    path, _, query = target.partition("?")
    is_read = request.method == "GET"
    asked = dict(request.query_params) if is_read else {}
    cursor, kept = asked.get(_CURSOR, ""), {name: one for name, one in asked.items() if name not in _OWN}
    trail = _trail(asked.get(_TRAIL, ""))
    links: list[tuple[str, str]] = []
    if cursor and trail[-1:] != [_FIRST]:
        links.append((urlencode(kept), gettext("First page")))
    if cursor and trail:
        *before, last = trail
        back = kept if last == _FIRST else kept | {_CURSOR: last}
        links.append((urlencode(back | _written(before)), gettext("Previous page")))
    if query:
        ahead = _written([*trail, cursor or _FIRST][-_MOST:])
        links.append((f"{query}&{urlencode(ahead)}", gettext("More")))
    shown = [Markup('<a class="button" href="{}?{}">{}</a>').format(path, one, words) for one, words in links]
    if is_read and has_table:
        file = urlencode({name: one for name, one in asked.items() if name != "done"} | {_CSV: "1"})
        shown.append(Markup('<a href="?{}" download>{}</a>').format(file, gettext("This page as CSV")))
    return Markup('<p class="buttons pages">{}</p>').format(Markup(" ").join(shown)) if shown else Markup()


def _trail(text: str) -> Sequence[str]:
    return text.split(".") if _TRAILS.fullmatch(text) else []


def _written(trail: Sequence[str]) -> dict[str, str]:
    return {_TRAIL: ".".join(trail)} if trail else {}


def as_csv(request: Request, response: Response) -> Response:
    """Return the list of a page as CSV if it was asked for: the table before the links to the pages around it."""
    is_page = response.status_code == 200 and response.media_type == "text/html"  # noqa: PLR2004 - HTTP
    if not is_page or request.method != "GET" or request.query_params.get(_CSV) != "1":
        return response
    page = bytes(response.body).decode().partition('<p class="buttons pages">')[0]
    start = page.rfind("<table>")
    reader = _Table()
    reader.feed(page[start:] if start >= 0 else "")
    out = io.StringIO()
    csv.writer(out).writerows([harmless(" ".join(cell.split())) for cell in row] for row in reader.rows)
    name = request.url.path.rpartition("/")[2]
    headers = {"Content-Disposition": f'attachment; filename="{re.sub("[^a-z0-9-]", "-", name.lower())}.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


class _Table(HTMLParser):
    """Reads the rows of a table of ours: the texts of its cells, and moments as they are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._left_out: list[str] = []
        self._in_cell = self._in_time = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell, or leave out what is none of its text."""
        if tag in _LEFT_OUT:
            self._left_out.append(tag)
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"} and self.rows:
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "br":
            self.handle_data(" ")
        elif tag == "time":
            self.handle_data(dict(attrs).get("datetime") or "")
            self._in_time = True

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if self._left_out and tag == self._left_out[-1]:
            self._left_out.pop()
        elif tag in {"td", "th"}:
            self._in_cell = False
        elif tag == "time":
            self._in_time = False

    def handle_data(self, data: str) -> None:
        """Add a text to the cell."""
        if self._in_cell and not self._left_out and not self._in_time:
            self.rows[-1][-1] += data
