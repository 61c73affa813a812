"""The table of places where removed audio could stay names a test for each, and the test is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "redact-a-recording.md"
ROW = re.compile(
    r"^\| (?P<place>[^|]+) \| [^|]+ \| `(?P<file>tests/[^:`]+)::(?P<test>[a-z0-9_]+)` \|$", re.MULTILINE
)
#: What audio leaves behind in a system of recordings; each is in a place of the table.
KINDS = (
    "waveform", "rendition", "players", "downloads", "key", "versions", "object lock", "manifest", "provider's copy",
    "sent again", "CRMs", "vCon", "transcripts", "speech recognition", "proposals", "backup", "lost", "legal hold",
)  # fmt: skip


def rows() -> list[re.Match[str]]:
    """Return the rows of the table."""
    section = PAGE.read_text("utf-8").partition("## Where it could stay\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    found = [ROW.match(line) for line in lines]
    assert None not in found, lines[found.index(None)]
    return [row for row in found if row is not None]


@cache
def names_of(file: str) -> frozenset[str]:
    """Return the tests of a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(one.name for one in functions if one.name.startswith("test_"))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["place"])
def test_each_place_has_a_test(row: re.Match[str]):
    """One that is renamed or deleted takes its row with it."""
    assert row["test"] in names_of(row["file"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_place(kind: str):
    """None is left out of the table."""
    assert [row["place"] for row in rows() if kind in row["place"]]


def test_each_test_of_residues_is_in_the_table():
    """A new one without a row shows something that nobody reads."""
    file = "tests/services/recordings/test_redact_residues.py"
    assert {row["test"] for row in rows() if row["file"] == file} == names_of(file)
