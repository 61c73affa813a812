"""Cells that carry the heading of their column, for phones."""

import re
from typing import Any

from jinja2 import DictLoader, Environment, select_autoescape

from vault.web.http.html import stacked

_TABLE = """{% filter stacked %}
<table><caption>c</caption>
<thead><tr>{% if chosen %}<th scope="col">Choose</th>{% endif %}<th scope="col" class="number">{{ heading }}</th>
<th scope="col">Two</th></tr></thead>
<tbody>{% for one in rows %}<tr>{% if chosen %}<td><input></td>{% endif %}<th scope="row">{{ one }}</th>
<td class="id">{{ one }}</td></tr>{% else %}<tr><td colspan="2">None.</td></tr>{% endfor %}</tbody></table>
{% endfilter %}"""


def rendered(**values: Any) -> str:
    """Render a table as the console renders one."""
    environment = Environment(
        loader=DictLoader({"t.html": _TABLE}), autoescape=select_autoescape(default=True)
    )
    environment.filters["stacked"] = stacked
    return environment.get_template("t.html").render(**values)


def labels(table: str) -> list[str]:
    """Return the labels of all cells, in order."""
    return re.findall(r'data-label="([^"]*)"', table)


def test_each_data_cell_has_the_heading_of_its_column():
    """The heading of a row has none: it stands above the row's cells. Columns that are not there are not counted."""
    table = rendered(rows=["a", "b"], chosen=True, heading="One")
    assert labels(table) == ["Choose", "Two", "Choose", "Two"]
    assert table.count('<th scope="row">') == 2
    assert labels(rendered(rows=["a", "b"], chosen=False, heading="One")) == ["Two", "Two"]
    assert '<td data-label="One" colspan="2">' in rendered(rows=[], chosen=False, heading="One")


def test_a_heading_stays_within_its_attribute():
    """Quotes and markup of a heading are escaped, and what is filled in a cell is no tag."""
    table = rendered(rows=['<td x="'], chosen=False, heading='"><b onclick="x">')
    assert "<b" not in table
    assert labels(table) == ["Two"]
    quoted = stacked('<thead><tr><th scope="col">say "so" &amp; go</th></tr></thead><tr><td>x</td></tr>')
    assert labels(quoted) == ["say &quot;so&quot; &amp; go"]
