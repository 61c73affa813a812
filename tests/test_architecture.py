"""The pages for maintainers are true of the repository: files, names, links, headings, and the diagram of states."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.state_diagram import BLOCK, PAGE, state_diagram

ROOT = Path(__file__).parents[1]
CONTRIBUTING = ROOT / "docs" / "contributing"
DECISIONS = CONTRIBUTING / "decisions"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(CONTRIBUTING.rglob("*.md"))]
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
#: A path from the root of the repository; ``*`` stands for any part of a name.
NAMED = re.compile(r"(?<![\w./<-])((?:vault|tests|docs|infra|openapi|bench|\.ci)/[\w./*-]*[\w*/])")
#: A class or a constant in code: ``KeyRing``, ``MAX_FETCHES``.
CODE_NAME = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+|[A-Z]+(?:_[A-Z]+)+)`")
#: Those that take part in a sequence diagram.
PARTICIPANT = re.compile(r"^ +participant \w+ as (.*)$", re.MULTILINE)
CLASS = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADINGS = ["Context", "Decision", "Consequences"]
SHORTEST, LONGEST = 25, 50
#: Paths that exist only while something is built.
MADE = {"vault/build.json"}


def name_of(page: Path) -> str:
    """Return a page as a test id."""
    return str(page.relative_to(ROOT))


def test_the_state_diagram_has_every_arrow_and_no_other() -> None:
    """The diagram is generated from ARROWS: `python -m tests.state_diagram` writes it again."""
    assert BLOCK.findall(PAGE.read_text()) == [state_diagram()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_named_file_exists(page: Path) -> None:
    """A path in a page for maintainers is the path of a file or folder."""
    named = set(NAMED.findall(page.read_text())) - MADE
    assert sorted(name for name in named if not any(ROOT.glob(name.rstrip("/")))) == []


@cache
def words_of_the_code() -> frozenset[str]:
    """Return every word in the code, its tests and the README."""
    files = [*(ROOT / "vault").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), ROOT / "README.md"]
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_named_class_and_constant_exists(page: Path) -> None:
    """A class or constant that a page names stands in the code, so a rename must change the page too."""
    text = page.read_text()
    named = CODE_NAME.findall(text) + CLASS.findall(" ".join(PARTICIPANT.findall(text)))
    assert sorted(set(named) - words_of_the_code()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link leads to a file, with its heading where it names one."""
    for target in LINK.findall(page.read_text()):
        if urlsplit(target).scheme:
            continue
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{target} does not exist"
        headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE) if heading else []
        slugs = {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}
        assert not heading or heading in slugs, target


def test_decisions_are_numbered_and_listed() -> None:
    """The numbers have no gap, and the index names each record once."""
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    index = (DECISIONS / "README.md").read_text()
    assert [record.name for record in RECORDS if index.count(f"({record.name})") != 1] == []


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_decision_is_short_and_has_three_parts(record: Path) -> None:
    """A record has its number, a status, context, decision and consequences, in 25 to 50 lines."""
    text = record.read_text()
    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert "\nStatus: " in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert SHORTEST <= len(text.splitlines()) <= LONGEST
    assert "`vault/" in text, "name the files that implement it"
    assert "`tests/" in text, "name the tests that would fail without it"
