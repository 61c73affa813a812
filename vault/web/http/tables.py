"""Tables that a phone shows as a stack of rows: each cell carries the name of its column (``console.css``)."""

import re
from typing import Final

from markupsafe import Markup

_HEADING: Final = '<th scope="col"'
_CELL: Final = re.compile(r"<(td|th)(?=[\s>])")
_END_OF_HEAD: Final = "</thead>"


def stacked(table: str) -> Markup:
    """Return a rendered table whose data cells each have the heading of their column as ``data-label``.

    So a template writes each heading once. Headings are plain text. Cells are counted from the first column on: only
    the last cell of a row may span columns. Text that was filled in is escaped, so what looks like a tag here is one.
    """
    # As plain text: Markup would escape what is joined to it.
    head, mark, body = str(table).partition(_END_OF_HEAD)
    headings = [piece.partition(">")[2].partition("<")[0] for piece in head.split(_HEADING)[1:]]
    labels = [words.replace('"', "&quot;") for words in headings]
    rows = body.split("<tr")
    return Markup(head + mark + "<tr".join(_labelled(row, labels) for row in rows))  # noqa: S704 - jinja2 rendered it


def _labelled(row: str, labels: list[str]) -> str:
    columns = iter(labels)

    def label(cell: re.Match[str]) -> str:
        words = next(columns, "")
        return f'<td data-label="{words}"' if cell[1] == "td" and words else cell[0]

    return _CELL.sub(label, row)
