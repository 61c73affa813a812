"""The 42 acceptance cases of retention, holds and the rights of people have their tests, which run where they say."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.case_table import TESTS, functions, missing
from tests.support.rights_cases import CASES


def numbered() -> Iterator[tuple[int, str, str]]:
    """Yield the tests whose names have the number of a case: number, file, name. Hand-over has cases of its own."""
    for path in sorted(TESTS.rglob("test_*.py")):
        file = str(path.relative_to(TESTS))
        for name in functions(file) if not file.startswith("handover/") else ():
            parts = name.split("_")
            if parts[:2] == ["test", "case"] and parts[2].isdigit():
                yield int(parts[2]), file, name


def test_there_are_42_cases() -> None:
    """None is left out."""
    assert list(CASES) == list(range(1, 43))


@pytest.mark.parametrize("number", CASES)
def test_a_case_has_its_tests(number: int) -> None:
    """A test that is renamed or removed is missed here."""
    words, places, *shown = CASES[number]
    assert words
    assert places
    assert shown
    assert missing(shown) == []


def test_no_test_names_another_case() -> None:
    """A test with the number of a case stands in the table."""
    assert {(number, file) for number, file, _ in numbered()} <= {
        (number, file) for number, (_, _, *shown) in CASES.items() for file, _ in shown
    }


@pytest.mark.proof
def test_a_case_runs_where_it_says() -> None:
    """The databases and stores of each case are those that pytest collects for its tests."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rights-cases",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=TESTS.parent, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    (start,) = [at for at, line in enumerate(lines) if line.split()[:1] == ["case"]]
    columns = lines[start].split()[1:]
    collected = {}
    for line in lines[start + 1 : start + 1 + len(CASES)]:
        number, *cells = line.split()[: 1 + len(columns)]
        collected[int(number)] = {column for column, cell in zip(columns, cells, strict=True) if cell != "-"}
    assert collected == {number: places for number, (_, places, *_) in CASES.items()}
