"""The glossary is tested like code: it has enough terms, in alphabetical order, each with a file that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
FEWEST = 40
#: Our word, the field's word, one line, and a link to the file, whose text is the file's path.
ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| ([^|]+) \| \[([\w./-]+)\]\(\.\./([\w./-]+)\) \|")


def table() -> list[str]:
    """Return the lines of the table, without its heading."""
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("|")]
    return lines[2:]


def entries() -> list[tuple[str, ...]]:
    """Return the cells of every row that is well-formed."""
    return [row.groups() for row in map(ROW.fullmatch, table()) if row]


def test_every_row_is_an_entry() -> None:
    """A row that has another shape would be skipped by the tests below."""
    assert [line for line in table() if not ROW.fullmatch(line)] == []


def test_there_are_enough_terms() -> None:
    """A newcomer finds the words of the whole code, each once."""
    terms = [term for term, *_ in entries()]
    assert len(terms) == len(set(terms)) >= FEWEST


def test_terms_are_in_alphabetical_order() -> None:
    """A reader finds a term without reading the table."""
    terms = [term for term, *_ in entries()]
    assert terms == sorted(terms, key=str.casefold)


def test_every_term_has_a_file_that_exists() -> None:
    """Each entry names a file of the repository, and its link leads to the same file."""
    assert [text for *_, text, target in entries() if text != target or not (ROOT / target).is_file()] == []
