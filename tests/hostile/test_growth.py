"""Nothing that sees foreign bytes takes more than its share of time: four times the input, about four times the time.

A parser or a regex whose time grows with the square of its input lets one small request stop the whole process. The
table has a row for every parser, and the strings for regexes are made from the regexes themselves.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.hostile import rows_stored, rows_telephony, rows_web
from tests.hostile.growth import grows_too_fast
from tests.hostile.parsers import Row
from tests.hostile.regexes import Site, hostile_strings, sites

ROWS = [*rows_telephony.ROWS, *rows_web.ROWS, *rows_stored.ROWS]
#: Places where a regex is made inside of a function, of what only it knows, and why that is no danger.
LOCAL = {
    "vault.domain.rule_data": "patterns of one literal character class, for the rule book that is packaged",
    "vault.simulator.laml": "the simulator's own server, which only the vault under test asks",
    "vault.simulator.plivo": "the simulator's own server, which only the vault under test asks",
}
#: Characters of the longest string for a regex.
_LONG = 4096


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_time_grows_as_the_input_does(row: Row) -> None:
    """Whatever the shape: an input four times as long takes less than eight times the processor time."""
    assert row.too_fast() == {}


def _use(regex: re.Pattern[Any], given: str) -> None:
    """Do with a regex what takes longest: match the whole, and search from every place on."""
    value = given.encode("latin-1", "replace") if isinstance(regex.pattern, bytes) else given
    regex.fullmatch(value)
    for _ in regex.finditer(value):
        pass


def too_fast(regex: re.Pattern[Any]) -> Iterator[tuple[str, float]]:
    """Yield the strings on which the time grows too fast, by how they begin, and how fast."""
    for prefix, body in hostile_strings(regex):
        for before, piece, after in ((prefix, body, "\0"), ("", prefix + body, "")):

            def call(size: int, before: str = before, piece: str = piece, after: str = after) -> Any:
                return partial(_use, regex, before + piece * (size // len(piece)) + after)

            if (ratio := grows_too_fast(call, _LONG)) is not None:
                yield (before + piece)[:40], ratio


def regexes() -> dict[str, Site]:
    """Return every regex of the vault by its place."""
    return {site.place: site for site in sites()}


def test_no_regex_goes_back_and_forth() -> None:
    """Every regex in the code, on strings made to keep each of its repeats going, and from every place on."""
    found = {place: dict(too_fast(site.regex)) for place, site in regexes().items() if site.regex}
    assert len(found) > 60
    assert {place: strings for place, strings in found.items() if strings} == {}


def test_every_regex_is_seen() -> None:
    """A pattern that is only put together while a function runs is tried by no test, so it needs a reason."""
    unseen = {place.partition(":")[0] for place, site in regexes().items() if site.regex is None}
    assert unseen == set(LOCAL)


@pytest.mark.parametrize("pattern", [r'"(?:[^"\\]|\\.)*"', "a+b", r"\s+\Z"])
def test_a_regex_that_does_is_found(pattern: str) -> None:
    """The first one was in use; each takes at least the square of what it is given, or more."""
    assert next(too_fast(re.compile(pattern, re.DOTALL)), None)
